"""Questions to a running instance, timed as a client sees them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from math import ceil
from typing import Any
from urllib.parse import urlencode

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A row of the table: questions that are asked one after another, about `days` days up to an end.

    For the next question to be another one the end moves by `shift` days. Where the range is all there is (0), the
    `limit` moves instead, which changes no work. `rounds` is how often at most.
    """

    name: str
    days: int
    asked: Sequence[tuple[str, Params]]
    shift: int = 1
    rounds: int = 1000


@dataclass(frozen=True)
class Times:
    """Seconds of each time: the first of all, as nobody had asked it before, and again; and how often it failed."""

    cold: list[float]
    warm: list[float]
    failed: int
    source: str


def measure(port: int, key: str, row: Row, *, end: datetime, rounds: int) -> Times:
    """Ask each variant once, and then again and again: the answer is kept. One connection, one after the other."""
    client = Client(port, key)
    cold, failed, source = [], 0, ""
    for number in range(min(rounds, row.rounds)):
        seconds, ok, source = client.ask(row, end, number)
        cold.append(seconds)
        failed += not ok
    warm = [client.ask(row, end, 0)[0] for _ in range(2 * rounds)] if not failed else []
    return Times(cold, warm, failed, source)


class Client:
    """One connection with a read key."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"X-Api-Key": key}

    def ask(self, row: Row, end: datetime, number: int) -> tuple[float, bool, str]:
        """Ask a row's questions of one number; return the seconds, whether all were answered, and where from."""
        end -= timedelta(days=number * row.shift)
        other = {} if row.shift else {"limit": 100 + number}
        span = f"{(end - timedelta(days=row.days)).isoformat()}/{end.isoformat()}"
        started, ok, body = time.perf_counter(), True, b""
        for path, params in row.asked:
            query = urlencode({**params, **other, "range": span}, doseq=True)
            self._connection.request("GET", f"{path}?{query}", headers=self._headers)
            answer = self._connection.getresponse()
            body = answer.read()
            ok = ok and answer.status == 200
        seconds = time.perf_counter() - started
        return seconds, ok, _source(body)


def _source(body: bytes) -> str:
    return str(json.loads(body).get("source", ""))


def median_and_p99(seconds: Sequence[float]) -> tuple[float, float]:
    """Return both in milliseconds, by nearest rank: of fewer than 100, the p99 is the slowest."""
    ranked = sorted(seconds)
    median, p99 = (ranked[ceil(share * len(ranked)) - 1] * 1000 for share in (0.5, 0.99))
    return median, p99
