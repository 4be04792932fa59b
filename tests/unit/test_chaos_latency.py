"""The measurement of answers during outages: what counts as late, and what the report shows."""

from __future__ import annotations

import pytest

from chaos.latency import Outage
from chaos.latency_table import table
from chaos.visitors import INGEST, Timing


def timing(*seconds: float, status: int = 202) -> Timing:
    made = Timing()
    for one in seconds:
        made.note(one, status)
    return made


def test_the_99th_of_a_hundred_answers_tells_and_not_the_slowest_of_a_thousand() -> None:
    assert timing(*[0.1] * 999, 5.0).at(0.99) == 0.1
    assert timing(*[0.1] * 98, 5.0, 5.0).at(0.99) == 5.0


def test_of_few_answers_the_slowest_tells() -> None:
    assert timing(0.1, 0.2, 3.0).at(0.99) == 3.0


def test_an_outage_is_well_while_every_address_and_the_memory_keep_their_bounds() -> None:
    assert Outage("stopped", {INGEST: timing(*[0.9] * 5)}, 64.0).kept
    assert not Outage("stopped", {INGEST: timing(*[0.1] * 5), "GET /": timing(*[1.1] * 5)}, 0.0).kept
    assert not Outage("stopped", {INGEST: timing(*[0.1] * 5)}, 64.1).kept


@pytest.mark.parametrize(
    ("name", "statuses", "said"),
    [
        (INGEST, {202, 429, 503}, []),
        (INGEST, {202, 401}, [f"{INGEST}: answered with 401"]),
        (INGEST, {202, 500}, [f"{INGEST}: answered with 500"]),
        ("GET /", {200, 302, 401, 503}, []),
        ("GET /", {200, 500}, ["GET /: answered with 500"]),
        ("GET /", {0, 200}, ["GET /: answered with nothing"]),
    ],
)
def test_a_quick_answer_must_be_a_right_one_too(name: str, statuses: set[int], said: list[str]) -> None:
    outage = Outage("refused", {INGEST: timing(*[0.1] * 5), name: Timing([0.1] * 9, statuses)}, 0.0)
    assert outage.broken() == said


def test_few_answers_prove_nothing() -> None:
    timings = {INGEST: timing(*[0.1] * 5), "GET /": timing(*[0.1] * 4), "GET /login": Timing()}
    assert Outage("reset", timings, 0.0).broken() == ["GET /: only 4 answers", "GET /login: only 0 answers"]


def test_no_answers_at_all_are_a_finding_and_no_error() -> None:
    nothing = Outage("reset", {}, 0.0)
    assert nothing.broken() == [f"{INGEST}: never asked"]
    assert "| reset | 0 |" in table([nothing])


def test_who_still_waits_has_no_status_yet() -> None:
    late = Timing()
    late.note(3.0, None)
    assert (late.at(0.99), late.statuses) == (3.0, set())


def test_the_report_names_the_slowest_address_and_every_status() -> None:
    timings = {INGEST: timing(0.05), "GET /": timing(0.4, status=0)}
    shown = table([Outage("refused", timings, 3.2)])
    assert "| refused | 2 | 50 / 50 / 50 | 400 / 400 / 400 | `GET /` 400 ms | +3 MiB |" in shown
    assert "| `GET /` | 400 (none) |" in shown
