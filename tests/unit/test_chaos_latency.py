"""The measurement of answers during outages: what counts as late, and what the report shows."""

from __future__ import annotations

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
    assert Outage("stopped", {INGEST: timing(0.9)}, 64.0).kept
    assert not Outage("stopped", {INGEST: timing(0.1), "GET /": timing(1.1)}, 0.0).kept
    assert not Outage("stopped", {INGEST: timing(0.1)}, 64.1).kept


def test_the_report_names_the_slowest_address_and_every_status() -> None:
    timings = {INGEST: timing(0.05), "GET /": timing(0.4, status=0)}
    shown = table([Outage("refused", timings, 3.2)])
    assert "| refused | 2 | 50 / 50 / 50 | 400 / 400 / 400 | `GET /` 400 ms | +3 MiB |" in shown
    assert "| `GET /` | 400 (none) |" in shown
