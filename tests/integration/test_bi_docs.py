"""The page about BI tools says what the views are: its queries run, its columns are theirs."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tests.contract.test_bi import COLUMNS
from tests.docs.repository import DOCS, table_rows
from tests.support.bi import opened
from tests.support.pipeline import event, store_all
from tests.support.tenants import Tenant

PAGE = DOCS / "bi.md"
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_page_finds_something(acme: Tenant, query: str) -> None:
    now = datetime.now(UTC)
    store_all(acme.id, [event("ada", now, type=kind, amount=5) for kind in ("page_view", "purchase")])
    with opened(acme.id, acme.slug) as link:
        assert link.execute(
            query.replace("$__timeFilter(bucket)", "bucket > now() - interval '2 hours'")
        ).fetchall()
        assert link.execute("SELECT time_bucket('15 minutes', ts) FROM events").fetchall()


def test_the_page_lists_the_columns_of_each_view() -> None:
    listed: dict[str, list[str]] = {}
    view = ""
    for cells in table_rows(PAGE):
        if len(cells) != 4 or not cells[1].startswith("`"):
            continue
        view = cells[0].strip("`") or view
        names = re.findall(r"`(\w+)`", cells[1])
        kind = cells[2].replace("timestamptz", "timestamp with time zone")
        listed.setdefault(view, []).extend(f"{name} {kind}" for name in names)
    assert {view: ", ".join(columns) for view, columns in listed.items()} == COLUMNS
