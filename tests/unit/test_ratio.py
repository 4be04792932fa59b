"""How many times smaller compression made what is in store, where that is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench.columns import Columns, lines
from config.engine_report import _stock
from events.store.base import Partition, ratio_of

DAY = datetime(2025, 6, 2, tzinfo=UTC)


def partition(size: int, before: int | None) -> Partition:
    return Partition(DAY, DAY + timedelta(days=1), 0, size, compressed=True, bytes_before=before)


@pytest.mark.parametrize(
    ("sizes", "ratio"),
    [
        ([], None),
        ([(100, None)], None),
        ([(100, 900), (100, 700)], 8.0),
        ([(100, 900), (5000, None)], 9.0),
        ([(0, 0)], None),
    ],
)
def test_only_what_was_rows_before_counts(sizes: list[tuple[int, int | None]], ratio: float | None) -> None:
    assert ratio_of(partition(*one) for one in sizes) == ratio


def test_the_report_of_an_import_has_no_ratio() -> None:
    assert _stock([partition(100, None)]).ratio is None


def test_the_bench_says_so_where_events_were_columns_from_the_start() -> None:
    (line,) = (line for line in lines(Columns(1, 2, 3 * 2**20, None, {}, {})) if line.startswith("| columns"))
    assert line == "| columns | 3 MB in 2.0 s, columns from the start |"
