"""The product's settings with one more address: a DRF view that does nothing, the limit for single requests."""

from config.settings import *  # noqa: F403

LEAN_PATHS = frozenset({"/api/events", "/bench/nothing"})
ROOT_URLCONF = "bench.urls"
