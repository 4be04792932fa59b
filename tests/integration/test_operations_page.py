"""The pipeline page for operators: stored days, and compressing, refreshing and dropping them by hand."""

from __future__ import annotations

import logging
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from config import engine
from config.lib import clock
from events.models import JobRun, Membership, Operation, Project
from events.tasks import compress_day, drop_days
from metrics.dashboards.storage import LISTED
from metrics.tasks import refresh_days
from tests.support.assertions import assert_rollups_equal_raw
from tests.support.pipeline import append, event, process_all, rows, store_all
from tests.support.tenants import Tenant

_INSERT = (
    "INSERT INTO event (project_id, event_id, ts, received_at, type, user_id, props)"
    " VALUES (%s, %s, %s, %s, 'early', 'u1', '{}')"
)
TASKS = (compress_day, drop_days, refresh_days)


def days_ago(days: int) -> datetime:
    return clock.now() - timedelta(days=days)


def url(moment: datetime | str, operation: str, slug: str = "acme") -> str:
    day = moment if isinstance(moment, str) else f"{moment:%Y-%m-%d}"
    return f"/p/{slug}/pipeline/{day}/{operation}"


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def member(acme: Tenant, globex: Tenant) -> Client:
    """A client logged in as a member of acme, and of nothing else."""
    user = User.objects.create_user("anna", is_staff=True)
    Membership.objects.create(project=Project.objects.get(pk=acme.id), user=user, role="admin")
    return client_of(user)


@pytest.fixture
def operator(acme: Tenant) -> Client:
    return client_of(User.objects.create_superuser("root"))


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do at once what a worker would do later."""
    for task in TASKS:
        monkeypatch.setattr(task, "delay", task)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What a worker was asked to do."""
    found: list[tuple[Any, ...]] = []
    for task in TASKS:
        monkeypatch.setattr(task, "delay", lambda *args, name=task.__name__: found.append((name, *args)))
    return found


def stored(project: Tenant, *ages: int) -> None:
    """Store one event for each age in days."""
    store_all(project.id, [event(f"user-{age}", days_ago(age)) for age in ages])


def table(page: str) -> str:
    """Return the part of the page that lists stored days."""
    return page.partition("Stored days")[2].partition("</table>")[0]


# --- the page -------------------------------------------------------------------------------------------------


def test_a_member_sees_the_events_of_the_project_and_nothing_of_the_installation(
    member: Client, acme: Tenant, globex: Tenant
) -> None:
    stored(acme, 3, 3)
    stored(globex, 3, 4)
    page = member.get("/p/acme/pipeline").content.decode()
    day = f"{days_ago(3).day} {days_ago(3):%b %Y}"
    assert re.search(rf'{day}</td>\s*<td class="number">2<', table(page))
    assert "Rows" not in page
    assert "Jobs" not in page
    assert "/drop" not in page


def test_a_superuser_sees_rows_of_all_projects_and_the_jobs(
    operator: Client, acme: Tenant, globex: Tenant
) -> None:
    stored(acme, 3)
    stored(globex, 3, 3)
    page = operator.get("/p/acme/pipeline").content.decode()
    assert re.search(r">1<span[^>]*> events</span></td>\s*<td class=\"number\">3<", table(page))
    assert "rebuild sessions" in page
    assert url(days_ago(3), "drop") in page


def test_older_days_are_folded_until_they_are_asked_for(operator: Client, acme: Tenant) -> None:
    stored(acme, *range(1, LISTED + 4))
    oldest = url(days_ago(LISTED + 3), "drop")
    page = operator.get("/p/acme/pipeline").content.decode()
    assert "older day" in page
    assert oldest not in page
    page = operator.get("/p/acme/pipeline?days=all").content.decode()
    assert oldest in page
    assert 'hx-get="/p/acme/pipeline?days=all"' in page


def test_days_ahead_are_one_line_and_offer_nothing(operator: Client, acme: Tenant) -> None:
    ahead = [clock.now() + timedelta(days=days) for days in (2, 3)]
    with transaction.atomic(), connection.cursor() as cursor:
        engine.store().prepare(cursor.cursor, [moment.date() for moment in ahead])
        for moment in ahead:
            cursor.execute(_INSERT, [acme.id, uuid4(), moment, moment])
    page = operator.get("/p/acme/pipeline").content.decode()
    assert re.search(r"\d days ahead", table(page))
    assert f"/pipeline/{ahead[0]:%Y-%m-%d}/" not in page


def test_what_jobs_say_is_escaped(operator: Client) -> None:
    JobRun.objects.create(
        name="events.tasks.odd", started_at=clock.now(), last_failure="<script>alert(1)</script>"
    )
    Operation.objects.create(
        by="<b>eve</b>", action="drop", first_day=date(2025, 1, 1), last_day=date(2025, 1, 1)
    )
    page = operator.get("/p/acme/pipeline").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "<b>eve" not in page


def test_a_job_that_failed_or_is_overdue_comes_first(operator: Client) -> None:
    long_ago = clock.now() - timedelta(hours=5)
    ended = {"started_at": long_ago, "finished_at": long_ago, "runs": 1}
    JobRun.objects.create(name="events.tasks.prune_ledger", ok=True, **ended)
    page = operator.get("/p/acme/pipeline").content.decode()
    jobs = page.partition("Jobs")[2]
    assert jobs.index("overdue") < jobs.index("rebuild sessions")


# --- who may ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", Operation.Action.values)
@pytest.mark.parametrize("method", ["get", "post"])
def test_only_superusers_operate(
    member: Client, acme: Tenant, asked: list[Any], operation: str, method: str
) -> None:
    stored(acme, 3)
    answer = getattr(member, method)(url(days_ago(3), operation), {"day": f"{days_ago(3):%Y-%m-%d}"})
    assert answer.status_code == 403
    assert (asked, Operation.objects.count()) == ([], 0)


def test_other_projects_pages_do_not_exist_for_a_member(member: Client, globex: Tenant) -> None:
    stored(globex, 3)
    assert member.post(url(days_ago(3), "drop", "globex")).status_code == 404


def test_whoever_is_not_logged_in_is_asked_to(acme: Tenant, asked: list[Any]) -> None:
    stored(acme, 3)
    answer = Client().post(url(days_ago(3), "refresh"))
    assert (answer.status_code, asked) == (302, [])
    assert answer["Location"].startswith("/login")


def test_another_site_cannot_operate(operator: Client, acme: Tenant, asked: list[Any]) -> None:
    stored(acme, 3)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="root"))
    assert strict.post(url(days_ago(3), "refresh")).status_code == 403
    assert asked == []


@pytest.mark.parametrize("path", ["2001-01-01/drop", "2026-02-31/drop", "today/drop", "2025-06-02/explode"])
def test_what_does_not_exist_is_not_found(operator: Client, path: str) -> None:
    assert operator.get(f"/p/acme/pipeline/{path}").status_code == 404


# --- asking first ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["refresh", "drop"])
def test_asking_shows_rows_and_size_and_does_nothing(
    operator: Client, acme: Tenant, asked: list[Any], operation: str
) -> None:
    stored(acme, 3)
    page = operator.get(url(days_ago(3), operation)).content.decode()
    assert "Events, all projects" in page
    assert re.search(r"Size on disk</dt><dd>[\d.]+", page)
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", page)
    assert (asked, Operation.objects.count()) == ([], 0)


def test_a_drop_lists_everything_older(operator: Client, acme: Tenant) -> None:
    stored(acme, 3, 4, 5)
    page = operator.get(url(days_ago(4), "drop")).content.decode()
    listed = page.partition("What goes")[2]
    assert all(f"{day.day} {day:%b %Y}" in listed for day in (days_ago(4), days_ago(5)))
    assert f"{days_ago(3).day} {days_ago(3):%b %Y}" not in listed


@pytest.mark.parametrize("typed", ["", "yes", "2001-01-01"])
def test_a_drop_needs_the_day_typed(operator: Client, acme: Tenant, asked: list[Any], typed: str) -> None:
    stored(acme, 3)
    answer = operator.post(url(days_ago(3), "drop"), {"day": typed})
    assert (answer.status_code, asked) == (409, [])
    assert "Nothing was dropped" in answer.content.decode()


def test_today_cannot_be_dropped(operator: Client, acme: Tenant, asked: list[Any]) -> None:
    stored(acme, 0)
    answer = operator.post(url(days_ago(0), "drop"), {"day": f"{days_ago(0):%Y-%m-%d}"})
    assert (answer.status_code, asked) == (409, [])
    assert "Only days that are over" in answer.content.decode()
    assert url(days_ago(0), "drop") not in operator.get("/p/acme/pipeline").content.decode()


# --- doing it -------------------------------------------------------------------------------------------------


def test_a_drop_takes_the_day_and_everything_older(operator: Client, acme: Tenant, worker: None) -> None:
    stored(acme, 3, 4, 5)
    answer = operator.post(url(days_ago(4), "drop"), {"day": f"{days_ago(4):%Y-%m-%d}"}, follow=True)
    assert "Asked for: drop" in answer.content.decode()
    assert rows("SELECT user_id FROM event") == [("user-3",)]
    assert rows("SELECT sum(count)::int FROM rollup_events_1d") == [(3,)]


def test_an_operation_is_logged_and_kept_with_its_users_name(
    operator: Client, acme: Tenant, worker: None, caplog: pytest.LogCaptureFixture
) -> None:
    stored(acme, 3)
    with caplog.at_level(logging.WARNING, "events.operations"):
        operator.post(url(days_ago(3), "refresh"))
    assert caplog.messages == [
        f"root asked to refresh the stored days {days_ago(3).date()} to {days_ago(3).date()}"
    ]
    (kept,) = Operation.objects.all()
    assert (kept.by, kept.action, kept.first_day, kept.outcome) == (
        "root",
        "refresh",
        days_ago(3).date(),
        "days computed again: 1",
    )
    assert "days computed again: 1" in operator.get("/p/acme/pipeline").content.decode()


def test_a_refresh_computes_the_days_again(
    operator: Client, acme: Tenant, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(acme, 2, 3)
    rebuild, spans = engine.rollups().rebuild, []

    def watched(connection: Any, start: datetime, end: datetime) -> None:
        spans.append((start, end))
        rebuild(connection, start, end)

    monkeypatch.setattr(engine.rollups(), "rebuild", watched)
    operator.post(url(days_ago(3), "refresh"))
    start = datetime.combine(days_ago(3).date(), datetime.min.time(), UTC)
    assert spans == [(start, start + timedelta(days=1))]
    assert_rollups_equal_raw()


def test_days_that_only_rollups_know_are_not_refreshed(operator: Client, acme: Tenant, worker: None) -> None:
    stored(acme, 3)
    operator.post(url(days_ago(3), "drop"), {"day": f"{days_ago(3):%Y-%m-%d}"})
    append(acme.id, [event("late", days_ago(3))])
    process_all()
    assert url(days_ago(3), "refresh") not in operator.get("/p/acme/pipeline").content.decode()
    answer = operator.post(url(days_ago(3), "refresh"))
    assert answer.status_code == 409
    assert "only the rollups know them" in answer.content.decode()
    assert refresh_days(str(days_ago(3).date()), str(days_ago(3).date())) == "days computed again: 0"


def test_where_the_engine_has_no_columns_nothing_is_compressed(
    operator: Client, acme: Tenant, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.store(), "can_compress", False)
    stored(acme, 3)
    assert "/compress" not in operator.get("/p/acme/pipeline").content.decode()
    answer = operator.post(url(days_ago(3), "compress"))
    assert (answer.status_code, asked) == (409, [])
    assert "cannot turn events into columns" in answer.content.decode()


def test_where_the_engine_has_columns_a_day_that_is_over_can_be_compressed(
    operator: Client, acme: Tenant, worker: None
) -> None:
    if not engine.store().can_compress:
        pytest.skip("this engine has no columns")
    stored(acme, 0, 3)
    page = operator.get("/p/acme/pipeline").content.decode()
    assert url(days_ago(3), "compress") in page
    assert url(days_ago(0), "compress") not in page
    operator.post(url(days_ago(3), "compress"))
    assert "became" in Operation.objects.get().outcome
    page = operator.get("/p/acme/pipeline").content.decode()
    assert re.search(r"[\d.]+×", table(page))


def test_days_in_columns_take_in_what_came_late(operator: Client, acme: Tenant, worker: None) -> None:
    if not engine.store().can_compress:
        pytest.skip("this engine has no columns")
    stored(acme, 3)
    operator.post(url(days_ago(3), "compress"))
    stored(acme, 3)
    assert "Compress again</a>" in operator.get("/p/acme/pipeline").content.decode()
    assert "came late" in operator.get(url(days_ago(3), "compress")).content.decode()
    for _ in range(2):
        operator.post(url(days_ago(3), "compress"))
    again, late, first = (done.outcome for done in Operation.objects.order_by("-pk"))
    assert "became" in first
    assert "became" in late
    assert again == f"{days_ago(3).date()}: all of it lies in columns already"


def test_history_that_came_as_columns_is_counted_and_its_ratio_is_not_made_up(
    operator: Client, acme: Tenant, globex: Tenant
) -> None:
    if not engine.store().can_compress:
        pytest.skip("this engine has no columns")
    for tenant in (acme, globex):
        history = [event(f"u{number}", days_ago(30)) for number in range(1000)]
        store_all(tenant.id, history, size=1000)
    page = operator.get("/p/acme/pipeline").content.decode()
    line = table(page).partition(f"{days_ago(30).day} {days_ago(30):%b %Y}")[2]
    assert re.search(r">1,000<span[^>]*> events</span></td>\s*<td class=\"number\">2,000<", line)
    assert re.search(r">yes<span[^>]*> in columns<", line)
    assert "about 2,000" in page
    assert "Smaller by" not in page
    assert "about 2,000" in operator.get(url(days_ago(30), "compress")).content.decode()


def test_without_a_broker_nothing_begins_and_it_is_said(
    operator: Client, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(refresh_days, "delay", away)
    stored(acme, 3)
    page = operator.post(url(days_ago(3), "refresh"), follow=True).content.decode()
    assert "broker cannot be reached" in page
    assert Operation.objects.get().outcome.startswith("not begun")


def test_a_failure_is_an_outcome_too(
    operator: Client, acme: Tenant, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no room\nfor more")

    monkeypatch.setattr(engine.rollups(), "rebuild", fail)
    stored(acme, 3)
    with pytest.raises(RuntimeError):
        operator.post(url(days_ago(3), "refresh"))
    assert Operation.objects.get().outcome == "failed: RuntimeError: no room"


def test_the_audit_trail_can_only_be_read(operator: Client, acme: Tenant, worker: None) -> None:
    stored(acme, 3)
    operator.post(url(days_ago(3), "refresh"))
    kept = Operation.objects.get()
    page = operator.get(reverse("admin:events_operation_changelist")).content.decode()
    assert "root" in page
    assert operator.get(reverse("admin:events_operation_add")).status_code == 403
    assert operator.post(reverse("admin:events_operation_delete", args=[kept.pk])).status_code == 403
    assert (
        operator.post(reverse("admin:events_operation_change", args=[kept.pk]), {"by": "x"}).status_code
        == 403
    )
