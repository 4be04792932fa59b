"""Views for BI tools stay where they are: a copy has none, and says so."""

from __future__ import annotations

from config.moving.report import advice
from tests.integration.copying.ends import Target, run
from tests.support.bi import opened
from tests.support.tenants import Tenant


def test_views_are_not_copied_and_the_copy_says_so(filled: Tenant, empty: Target) -> None:
    with opened(filled.id, filled.slug):
        outcome = run(empty)
    assert outcome.views == ["bi_acme"]
    assert advice(outcome).endswith("not copied (bi_acme): run `manage.py bi create` there.")
    assert empty.link.execute("SELECT FROM pg_namespace WHERE nspname LIKE 'bi_%'").fetchall() == []


def test_without_views_there_is_nothing_to_say(filled: Tenant, empty: Target) -> None:
    assert "bi create" not in advice(run(empty))
