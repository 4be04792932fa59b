"""Start-up checks: what is refused, and what is warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.checks import (
    bus_is_supported,
    bus_url_is_readable,
    cache_is_usable,
    celery_broker_is_usable,
    leases_outlast_statements,
    spool_can_be_made,
)


@pytest.mark.parametrize(("seconds", "warned"), [(10, True), (30, True), (31, False), (120, False)])
def test_a_lease_that_one_statement_may_outlast_is_warned_of(
    settings: Any, seconds: int, warned: bool
) -> None:
    settings.CLAIM_LEASE_SECONDS = seconds
    assert [found.id for found in leases_outlast_statements(None)] == ["sluice.W002"] * warned


@pytest.mark.parametrize(
    "url", ["amqp://u:se/cret@host//", "amqp://u:se#cret@host//", "amqp://u:s[cret@host", "amqp://"]
)
def test_a_broker_s_url_that_cannot_be_read_is_refused_without_a_word_of_it(settings: Any, url: str) -> None:
    settings.EVENT_BUS_URL, settings.BUS_IS_BROKER = url, True
    (found,) = bus_url_is_readable(None)
    assert found.id == "sluice.E009"
    assert "cret" not in str(found)


def test_a_broker_s_url_may_be_short(settings: Any) -> None:
    settings.EVENT_BUS_URL, settings.BUS_IS_BROKER = "amqp://host", True
    assert not bus_url_is_readable(None)


@pytest.mark.parametrize("url", ["amqps://u:secret@host//", "kafka://u:secret@host"])
def test_a_bus_of_another_kind_is_refused(settings: Any, url: str) -> None:
    settings.EVENT_BUS_URL = url
    (found,) = bus_is_supported(None)
    assert found.id == "sluice.E005"
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    "url",
    [
        "kafka://u:secret@host",
        "redis://:secret@host:port/0",
        "redis://:sec/ret@host/0",
        "amqp://u:secret@host:99999",
        "secret",
    ],
)
def test_a_broker_of_celery_s_that_cannot_be_used_is_refused_without_its_password(
    settings: Any, url: str
) -> None:
    settings.CELERY_BROKER_URL = url
    (found,) = celery_broker_is_usable(None)
    assert found.id == "sluice.E010"
    assert "sec" not in str(found)


@pytest.mark.parametrize(
    "url", ["filesystem://", "redis://:secret@host:6379/0", "rediss://host/1", "amqp://u:p@host//"]
)
def test_a_broker_of_celery_s_that_can_be_used_is_not(settings: Any, url: str) -> None:
    settings.CELERY_BROKER_URL = url
    assert not celery_broker_is_usable(None)


def test_a_spool_that_cannot_be_made_is_refused(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "spool"):
        settings.SPOOL_DIR = folder
        assert [found.id for found in spool_can_be_made(None)] == ["sluice.E011"]
    settings.SPOOL_MAX_BYTES = 0
    assert not spool_can_be_made(None)


def test_a_spool_need_not_be_there_yet(settings: Any, tmp_path: Path) -> None:
    settings.SPOOL_DIR = tmp_path / "none" / "yet"
    assert not spool_can_be_made(None)
    assert not settings.SPOOL_DIR.parent.exists()


@pytest.mark.parametrize(
    "url", ["memcached://host", "redis://:sec/ret@host/0", "redis://", "secret", "redis://host:x/0"]
)
def test_a_cache_that_is_no_redis_is_refused_without_its_password(settings: Any, url: str) -> None:
    settings.CACHE_URL = url
    (found,) = cache_is_usable(None)
    assert found.id == "sluice.E012"
    assert "ret" not in str(found)


@pytest.mark.parametrize("url", ["", "redis://host", "rediss://:pass@host:6380/1"])
def test_a_redis_or_none_is_a_cache(settings: Any, url: str) -> None:
    settings.CACHE_URL = url
    assert not cache_is_usable(None)
