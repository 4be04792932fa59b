"""The processor's loop: how much it claims, and what it does with claims that are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
import pytest
from prometheus_client import REGISTRY

from events.processor import worker as module
from events.processor.batch_size import BatchSize
from events.processor.bisect import MassPoison
from events.processor.worker import Worker

Run = Callable[[Sequence[int]], dict[str, int]]


class Bus:
    """A consumer and a pipeline in one: hands out `claims`, remembers what it was asked, ends the worker."""

    slot = 0
    busy = True

    def __init__(self, claims: list[list[int]], run: Run) -> None:
        self._claims, self._run = claims, run
        self.sizes: list[int] = []
        self.parked: list[tuple[list[int], float]] = []
        self.released: list[list[int]] = []
        self.worker: Worker | None = None
        #: What was released before the connection was let go.
        self.released_open: list[list[int]] = []

    def claim(self, max_events: int) -> Sequence[int]:
        self.sizes.append(max_events)
        if not self._claims:
            assert self.worker
            self.worker.stop()
            return []
        return self._claims.pop(0)

    def run(self, ids: Sequence[int]) -> dict[str, int]:
        return self._run(ids)

    def park(self, ids: Sequence[int], seconds: float) -> None:
        self.parked.append((list(ids), seconds))

    def release(self, ids: Sequence[int]) -> None:
        self.released.append(list(ids))

    def recover(self) -> int:
        return 0

    def close(self) -> None:
        self.released_open = list(self.released)


def worked(claims: list[list[int]], run: Run, *, target: float = 60.0) -> Bus:
    """Let a worker that begins with 800 events a claim work until nothing is left."""
    bus = Bus(claims, run)
    bus.worker = Worker(lambda: (bus, bus), size=BatchSize(least=100, most=800, target=target))  # type: ignore[arg-type,return-value]
    bus.worker.run()
    return bus


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINGER", 0.0)


def refuse(ids: Sequence[int]) -> dict[str, int]:
    raise MassPoison("20 of 20 events tried were refused")


def test_claims_become_smaller_while_they_are_slow() -> None:
    bus = worked([[1], [2], [3], [4]], lambda ids: {"stored": 800}, target=0.0)
    assert bus.sizes == [800, 400, 200, 100, 100]


def test_claims_that_are_fast_stay_as_large_as_they_may_be() -> None:
    assert worked([[1], [2]], lambda ids: {"stored": 800}).sizes == [800] * 3


@pytest.mark.parametrize("error", [psycopg.errors.QueryCanceled("statement timeout"), MemoryError()])
def test_an_error_of_the_systems_makes_the_next_claim_smaller_and_gives_this_one_back(
    error: Exception,
) -> None:
    errors = iter([error])

    def run(ids: Sequence[int]) -> dict[str, int]:
        for error in errors:
            raise error
        assert REGISTRY.get_sample_value("sluice_claim_size") == 400
        return {"stored": 1}

    bus = worked([[1, 2], [1, 2]], run)
    assert bus.sizes[:2] == [800, 400]
    assert bus.released == [[1, 2]]


def test_a_full_disk_gives_the_claim_back_before_the_slot_is_free() -> None:
    """Who finds the slot free takes it for a death, and three of these for poison."""
    seen: list[list[list[int]]] = []

    def run(ids: Sequence[int]) -> dict[str, int]:
        if not seen:
            seen.append([])
            raise psycopg.errors.DiskFull("no space left on device")
        seen.append(bus.released_open)
        return {"stored": 1}

    bus = Bus([[1, 2], [1, 2]], run)
    bus.worker = Worker(lambda: (bus, bus), size=BatchSize(least=100, most=800, target=60))  # type: ignore[arg-type,return-value]
    bus.worker.run()
    assert seen[1] == [[1, 2]]


def test_a_refused_claim_of_several_is_given_back_to_be_tried_one_by_one() -> None:
    assert worked([[1, 2, 3]], refuse).parked == [([1, 2, 3], 0)]


def test_a_refused_batch_alone_is_parked_for_half_a_minute() -> None:
    assert worked([[7]], refuse).parked == [([7], 30.0)]


def test_a_refusal_says_so_aloud(caplog: pytest.LogCaptureFixture) -> None:
    worked([[7]], refuse)
    (record,) = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert "20 of 20" in record.getMessage()
