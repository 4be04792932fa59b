"""Ingest while many heavy questions are asked: the p99 of acknowledgements with them and without."""

from __future__ import annotations

import json
import multiprocessing
import random
import threading
import time
from collections import Counter
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

_SENDERS, _EVENTS, _REQUESTS_A_SECOND = 4, 50, 40


def acknowledgements(port: int, key: str, seconds: float) -> list[float]:
    """Send batches at a steady rate; return the seconds from when each was due until it was acknowledged.

    A request that begins late because the one before took long counts from when it was due.
    """
    found: list[float] = []
    threads = [
        threading.Thread(target=_send, args=(port, key, number, seconds, found)) for number in range(_SENDERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _send(port: int, key: str, number: int, seconds: float, found: list[float]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"X-Api-Key": key, "Content-Type": "application/json"}
    chance, pause = random.Random(number), _SENDERS / _REQUESTS_A_SECOND
    due, end = time.perf_counter() + number * pause / _SENDERS, time.perf_counter() + seconds
    while due < end:
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.request(
            "POST", "/api/events", json.dumps([_event(chance) for _ in range(_EVENTS)]), headers
        )
        answer = connection.getresponse()
        answer.read()
        if answer.status != 202:
            raise RuntimeError(f"an event was refused: {answer.status}")
        found.append(time.perf_counter() - due)
        due += pause


def _event(chance: random.Random) -> dict[str, Any]:
    props = {"path": f"/products/{chance.randrange(500)}", "amount": chance.randrange(10_000) / 100}
    return {"type": "page_view", "userId": f"user-{chance.randrange(20_000):07d}", "props": props}


class Storm:
    """Heavy questions at once, from a process of its own, until the block ends."""

    def __init__(self, port: int, key: str, *, clients: int, end: datetime) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._stop, self._results = self._context.Event(), self._context.SimpleQueue()
        args = (port, key, clients, end, self._stop, self._results)
        self._process = self._context.Process(target=_storm, args=args)
        self.statuses: dict[int, int] = {}

    def __enter__(self) -> Storm:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.statuses = self._results.get()
        self._process.join()


def _storm(port: int, key: str, clients: int, end: datetime, stop: Any, results: Any) -> None:
    statuses: Counter[int] = Counter()
    threads = [
        threading.Thread(target=_ask, args=(port, key, number, end, stop, statuses))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(dict(statuses))


def _ask(port: int, key: str, number: int, end: datetime, stop: Any, statuses: Counter[int]) -> None:
    """Ask raw questions of which no two are equal, so that none is answered from a cache."""
    chance = random.Random(number)
    span = f"{(end - timedelta(days=30)).isoformat()}/{end.isoformat()}"
    while not stop.is_set():
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        query = {"metric": "count", "groupBy": "props.path", "range": span, "step": "1d"}
        query["filter"] = f"props.amount:gt:{chance.random() * 100}"
        try:
            connection.request("GET", f"/api/metrics?{urlencode(query)}", headers={"X-Api-Key": key})
            answer = connection.getresponse()
            answer.read()
            statuses[answer.status] += 1
        except OSError:
            statuses[0] += 1
        finally:
            connection.close()
