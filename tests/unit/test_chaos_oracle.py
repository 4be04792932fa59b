"""The campaign's oracle: on disk before an event goes out, on disk after its acknowledgement, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from chaos import events
from chaos.oracle import Oracle


@pytest.fixture
def oracle(tmp_path: Path) -> Iterator[Oracle]:
    oracle = Oracle(tmp_path)
    yield oracle
    oracle.close()


def some(count: int, seed: int = 1) -> list[events.Event]:
    rng = Random(seed)
    return [events.make(rng) for _ in range(count)]


def test_an_event_is_on_disk_before_it_goes_out(oracle: Oracle) -> None:
    (event,) = some(1)
    request = oracle.sending(7, [event])
    assert oracle.sent_log.path.read_text() == f"{request}\t7\t{event.id}\t{event.hash()}\n"
    assert oracle.acknowledged_log.path.read_text() == ""


def test_a_request_is_on_disk_after_its_acknowledgement(oracle: Oracle) -> None:
    request = oracle.sending(7, some(3))
    oracle.was_acknowledged(request, new=3, repeated=2)
    assert oracle.acknowledged_log.path.read_text() == f"{request}\n"
    assert (oracle.sent, oracle.acknowledged, oracle.answered) == (3, 3, 5)


def test_repeats_alone_acknowledge_no_event_twice(oracle: Oracle) -> None:
    oracle.was_acknowledged(oracle.sending(7, []), new=0, repeated=2)
    assert oracle.acknowledged_log.path.read_text() == ""
    assert (oracle.acknowledged, oracle.answered) == (0, 2)


def test_threads_share_the_logs_without_mixing_lines(oracle: Oracle) -> None:
    def send(seed: int) -> None:
        for event in some(50, seed):
            oracle.was_acknowledged(oracle.sending(seed, [event]), new=1)

    threads = [threading.Thread(target=send, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = oracle.sent_log.path.read_text().splitlines()
    assert len({line.split("\t")[0] for line in lines}) == 200
    assert all(len(line.split("\t")) == 4 for line in lines)
    assert len(oracle.acknowledged_log.path.read_text().splitlines()) == 200


def test_the_same_seed_makes_the_same_ids_and_payloads() -> None:
    first, again = some(20, seed=5), some(20, seed=5)
    assert [(one.id, one.user, one.props) for one in first] == [
        (one.id, one.user, one.props) for one in again
    ]
