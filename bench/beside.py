"""Ingest while many heavy questions are asked: the p99 of acknowledgements with them and without."""

from __future__ import annotations

import json
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.client import HTTPConnection
from itertools import cycle, islice
from typing import Any
from urllib.parse import urlencode

_SENDERS, _EVENTS, _REQUESTS_A_SECOND = 4, 50, 40
#: Questions of every kind that reads raw events, but for their range and a filter.
HEAVY: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("/api/metrics", {"metric": "count", "groupBy": "props.path", "step": "1d"}),
    ("/api/funnels", {"step": ["page_view", "add_to_cart", "purchase"], "window": "1d"}),
    ("/api/metrics", {"metric": "users", "type": "purchase", "step": "1d"}),
    ("/api/paths", {"from": "purchase"}),
    ("/api/metrics", {"metric": "p95:props.amount", "step": "1d"}),
    ("/api/retention", {"first": "purchase", "return": "purchase"}),
)


def acknowledgements(port: int, key: str, seconds: float) -> list[float]:
    """Send batches at a steady rate; return the seconds from when each was due until it was acknowledged.

    A request that begins late because the one before took long counts from when it was due. Raises RuntimeError where
    one was refused: what is refused is quick, and would flatter the others.
    """
    with ThreadPoolExecutor(_SENDERS) as pool:
        sent = [pool.submit(_send, port, key, number, seconds) for number in range(_SENDERS)]
    return [taken for one in sent for taken in one.result()]


def _send(port: int, key: str, number: int, seconds: float) -> list[float]:
    found = []
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
    return found


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
    """Ask heavy questions, each kind in turn; no two are equal, so that none is answered from a cache."""
    chance = random.Random(number)
    span = f"{(end - timedelta(days=30)).isoformat()}/{end.isoformat()}"
    for path, asked in islice(cycle(HEAVY), number % len(HEAVY), None):
        if stop.is_set():
            return
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        query = {**asked, "range": span, "filter": f"props.amount:gt:{chance.random() * 100}"}
        try:
            target = f"{path}?{urlencode(query, doseq=True)}"
            connection.request("GET", target, headers={"X-Api-Key": key})
            answer = connection.getresponse()
            answer.read()
            statuses[answer.status] += 1
        except OSError:
            statuses[0] += 1
        finally:
            connection.close()
