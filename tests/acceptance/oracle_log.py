"""Computes from an access log, in plain Python, what Sluice must answer about it. Shares no code with the product."""

from __future__ import annotations

import gzip
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

_HEAD = re.compile(r'^(\S+) \S+ .+? \[([^\]]+)\] "(.*?)(?<!\\)" (\d{3}) (\S+)')
_ASSETS = {"png", "jpg", "jpeg", "gif", "ico", "css", "js", "svg", "woff", "ttf", "eot"}
_GAP = timedelta(minutes=30)


@dataclass(frozen=True)
class Request:
    """One line of the log."""

    user: str
    ts: datetime
    type: str
    bytes: int


def hour(moment: datetime) -> str:
    """Return the start of a moment's UTC hour as the API writes it."""
    return moment.strftime("%Y-%m-%dT%H:00:00Z")


def day(moment: datetime) -> str:
    """Return the start of a moment's UTC day as the API writes it."""
    return moment.strftime("%Y-%m-%dT00:00:00Z")


def wire(moment: datetime) -> str:
    """Return a moment as the API writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Oracle:
    """Answers about one log."""

    def __init__(self, path: Path) -> None:
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
            self.requests = [_read(line) for line in file]

    @cached_property
    def counts_by_type_and_hour(self) -> dict[str, Counter[str]]:
        """Return {type: {hour: requests}}."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for request in self.requests:
            found[request.type][hour(request.ts)] += 1
        return dict(found)

    def users_by(self, bucket: str) -> dict[str, int]:
        """Return {bucket start: distinct clients} by `hour` or `day`."""
        found: dict[str, set[str]] = defaultdict(set)
        for request in self.requests:
            found[(hour if bucket == "hour" else day)(request.ts)].add(request.user)
        return {start: len(users) for start, users in found.items()}

    @cached_property
    def sessions(self) -> set[tuple[str, str, str, int]]:
        """Return (user, start, end, requests) of every session."""
        by_user: dict[str, list[datetime]] = defaultdict(list)
        for request in self.requests:
            by_user[request.user].append(request.ts)
        return {
            (user, wire(run[0]), wire(run[-1]), len(run))
            for user, moments in by_user.items()
            for run in _runs(sorted(moments))
        }

    @cached_property
    def sessions_by_day(self) -> dict[str, int]:
        """Return {day: sessions that start in it}."""
        return dict(Counter(start[:10] + "T00:00:00Z" for _, start, _, _ in self.sessions))


def _runs(moments: list[datetime]) -> list[list[datetime]]:
    runs = [[moments[0]]]
    for moment in moments[1:]:
        if moment - runs[-1][-1] > _GAP:
            runs.append([])
        runs[-1].append(moment)
    return runs


def _read(line: str) -> Request:
    match = _HEAD.match(line)
    assert match, line
    user, when, request, status, size = match.groups()
    ts = datetime.strptime(when, "%d/%b/%Y:%H:%M:%S %z")
    return Request(user, ts, _type(request, int(status)), 0 if size == "-" else int(size))


def _type(request: str, status: int) -> str:
    if status >= 400:
        return "error"
    path = request.split(" ")[1].split("?")[0] if " " in request else request
    last = path.rsplit(".", 1)
    return "asset" if len(last) == 2 and last[1].lower() in _ASSETS else "page_view"
