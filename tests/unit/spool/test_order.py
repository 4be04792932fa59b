"""The spool on disk: batches leave it in order, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from events.bus.base import BusFull
from events.bus.spool import Spool
from events.contracts import Batch, Lane
from tests.support.spooled import MANY, Sink, drain_all, line, names


def test_nothing_is_made_before_it_is_needed_and_nothing_stays(spool: Spool, folder: Path) -> None:
    assert spool.depth().events == 0
    assert not folder.exists()
    spool.append(line(1))
    assert spool.depth().events == 1
    drain_all(spool, Sink())
    assert names(folder) == []


def test_batches_are_delivered_in_their_order_joined_by_project_and_lane(spool: Spool) -> None:
    for number in range(100):
        spool.append(line(number, project=1 + number % 2))
    spool.append(line(100, lane=Lane.HISTORICAL))
    sink = Sink()
    drain_all(spool, sink)
    assert [(batch.project_id, batch.lane, batch.events) for batch in sink.batches] == [
        (1, "live", 50),
        (2, "live", 50),
        (1, "historical", 1),
    ]
    assert sink.lines == [b"%d" % n for n in [*range(0, 100, 2), *range(1, 100, 2), 100]]


def test_a_small_bite_takes_at_least_one_batch(spool: Spool) -> None:
    for number in range(5):
        spool.append(line(number))
    sink = Sink()
    assert spool.drain(sink, 1)
    assert sink.lines == [b"0"]
    assert spool.depth().events == 4


def test_threads_that_spool_together_lose_nothing(spool: Spool) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: spool.append(line(number)), range(500)))
    sink = Sink()
    drain_all(spool, sink)
    assert sorted(map(int, sink.lines)) == list(range(500))


def test_what_is_not_delivered_stays_and_the_rest_goes(spool: Spool) -> None:
    for project in (1, 2, 3):
        spool.append(line(project, project=project))

    def deliver(batches: Sequence[Batch]) -> list[BusFull | None]:
        return [BusFull(retry_after=1) if batch.project_id == 2 else None for batch in batches]

    with pytest.raises(BusFull):
        spool.drain(deliver, MANY)
    sink = Sink()
    drain_all(spool, sink)
    assert sink.lines == [b"2"]


def test_what_comes_while_it_is_drained_is_not_removed_with_the_file(spool: Spool) -> None:
    spool.append(line(1))
    sink = Sink()
    assert spool.drain(sink, MANY)
    spool.append(line(2))
    drain_all(spool, sink)
    assert sink.lines == [b"1", b"2"]
