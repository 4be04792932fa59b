"""Every address that the URL resolver knows, so that a test of all of them cannot forget a new one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver


def routes() -> list[str]:
    """Return the routes as `urls.py` writes them, those of the admin included."""
    return list(_walk(get_resolver(), ""))


def _walk(resolver: Any, prefix: str) -> Iterator[str]:
    for one in resolver.url_patterns:
        route = prefix + str(one.pattern)
        if hasattr(one, "url_patterns"):
            yield from _walk(one, route)
        else:
            yield route
