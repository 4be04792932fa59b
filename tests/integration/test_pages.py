"""Pages: who sees them, what they show without data and with hostile data, and the admin behind them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from config import engine
from dlq.models import DeadLetter
from events.models import ApiKey, Membership, Project
from events.processor import staging
from events.services import create_key, create_project
from metrics.dashboards.links import user_url

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert('x')</script>\"'&\n"
PAGES = ("", "funnels", "retention", "paths", "lifecycle", "sessions", "pipeline", "setup")


@pytest.fixture
def acme() -> Project:
    return create_project(slug="acme", name="Acme")


@pytest.fixture
def globex() -> Project:
    return create_project(slug="globex", name="Globex")


@pytest.fixture
def member(client: Client, acme: Project, globex: Project) -> Client:
    """A client logged in as a member of acme, and of nothing else."""
    user = User.objects.create_user("anna")
    Membership.objects.create(project=acme, user=user, role="admin")
    client.force_login(user)
    return client


@pytest.fixture
def operator(acme: Project, globex: Project) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def store(project: Project, events: Sequence[tuple[str, str, dict[str, Any]]]) -> datetime:
    """Write (type, user, props) as events of now, one session each, and their rollups; return the time."""
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    with connection.cursor() as cursor:
        staging.create(connection.connection)
        for kind, user, props in events:
            values = [project.pk, uuid4(), moment, moment, kind, user, json.dumps(props)]
            cursor.execute(
                "INSERT INTO staging (project_id, event_id, ts, received_at, type, user_id, props, flags)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, 0)",
                values,
            )
            cursor.execute(
                "INSERT INTO session VALUES (%s, %s, %s, %s, %s, 1, %s, %s)",
                [project.pk, user, moment, moment, uuid4(), kind, kind],
            )
        engine.store().prepare(cursor.cursor, [moment.date()])
        engine.store().insert(cursor.cursor)
        engine.rollups().apply(cursor.cursor, 0)
        cursor.execute("DELETE FROM staging")
    return moment


def session_of(project: Project) -> UUID:
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_id FROM session WHERE project_id = %s", [project.pk])
        return UUID(str(cursor.fetchone()[0]))


# --- who sees what --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_pages_ask_for_a_login_and_lead_back(client: Client, acme: Project, page: str) -> None:
    answer = client.get(f"/p/acme/{page}")
    assert answer.status_code == 302
    assert answer["Location"] == f"/login?next={quote(f'/p/acme/{page}')}"


@pytest.mark.parametrize("page", PAGES)
def test_members_see_their_project_even_without_data(member: Client, page: str) -> None:
    answer = member.get(f"/p/acme/{page}")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("page", [*PAGES, f"sessions/{UUID(int=7)}", "users/u", "remove-sample"])
@pytest.mark.parametrize("slug", ["globex", "unknown"])
def test_other_projects_are_not_found(member: Client, slug: str, page: str) -> None:
    method = member.post if page == "remove-sample" else member.get
    assert method(f"/p/{slug}/{page}").status_code == 404


def test_superusers_see_every_project(operator: Client) -> None:
    assert [operator.get(f"/p/{slug}/").status_code for slug in ("acme", "globex")] == [200, 200]


def test_home_leads_to_the_first_project(member: Client) -> None:
    assert member.get("/")["Location"] == "/p/acme/"


def test_home_tells_people_without_projects_what_to_do(client: Client) -> None:
    client.force_login(User.objects.create_user("new"))
    assert "No project yet" in client.get("/").content.decode()


def test_a_poll_after_the_session_ended_reloads_into_the_login(client: Client, acme: Project) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/p/acme/?range=30d"}
    answer = client.get("/p/acme/?range=30d", headers=headers)
    assert answer["HX-Redirect"] == "/login?next=/p/acme/%3Frange%3D30d"
    assert not answer.content


def test_logging_in_and_out(client: Client, acme: Project) -> None:
    Membership.objects.create(
        project=acme, user=User.objects.create_user("anna", password="a good password"), role="admin"
    )
    assert "do not match" in client.post("/login", {"username": "anna", "password": "no"}).content.decode()
    answer = client.post("/login", {"username": "anna", "password": "a good password", "next": "/p/acme/"})
    assert answer["Location"] == "/p/acme/"
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/p/acme/").status_code == 302


# --- what they show -------------------------------------------------------------------------------------------


def test_an_empty_overview_shows_the_curl_line_with_the_write_key(member: Client, acme: Project) -> None:
    token = create_key(project=acme, kind=ApiKey.Kind.WRITE)
    page = member.get("/p/acme/").content.decode()
    assert f"Bearer {token}" in page
    assert "http://testserver/api/events" in page
    assert "Load sample data" in page


def test_the_setup_page_never_shows_a_read_key(member: Client, acme: Project) -> None:
    token = create_key(project=acme, kind=ApiKey.Kind.READ)
    page = member.get("/p/acme/setup").content.decode()
    assert token not in page
    assert token[:10] in page


def test_the_overview_shows_its_own_project_only(member: Client, acme: Project, globex: Project) -> None:
    store(acme, [("signup", "u1", {}), ("signup", "u2", {})])
    store(globex, [("secret_launch", "u9", {})] * 1)
    page = member.get("/p/acme/").content.decode()
    assert "signup" in page
    assert "secret_launch" not in page
    assert re.search(r'Events</span>\s*<strong class="tile-value" title="2">2<', page)


def test_htmx_gets_the_board_alone(member: Client, acme: Project) -> None:
    store(acme, [("signup", "u1", {})])
    part = member.get("/p/acme/?metric=users&range=24h", headers={"HX-Request": "true"}).content.decode()
    assert part.startswith('<section id="board"')
    assert "metric=users&amp;range=24h" in part


def test_an_empty_page_reloads_when_the_first_event_is_there(member: Client, acme: Project) -> None:
    def poll() -> Any:
        return member.get("/p/acme/?waiting=1", headers={"HX-Request": "true"})

    assert poll().status_code == 204
    store(acme, [("signup", "u1", {})])
    assert poll()["HX-Refresh"] == "true"


def test_a_range_without_events_offers_the_newest_week(member: Client, acme: Project) -> None:
    store(acme, [("signup", "u1", {})])
    page = member.get("/p/acme/?range=custom&from=2001-01-01&to=2001-01-02").content.decode()
    assert "Nothing happened in this range" in page


@pytest.mark.parametrize(
    "query",
    [
        "range=custom&from=x&to=y",
        "range=custom&from=2026-02-02&to=2026-01-01",
        "range=custom&from=0001-01-01&to=9999-12-31",
        "range=90d&step=1m",
        "range=%00&step=%00&metric=%00",
        "tz=Nowhere/Land&filter=x&filter=%00&segment=none&type=%00&compare=never",
        "tz=Europe/Berlin&compare=previous&filter=props.plan:eq:free&type=signup",
    ],
)
def test_a_url_that_makes_no_sense_is_answered_with_a_page(member: Client, acme: Project, query: str) -> None:
    store(acme, [("signup", "u1", {})])
    assert member.get(f"/p/acme/?{query}").status_code == 200


def test_hostile_texts_are_escaped_everywhere(member: Client, acme: Project) -> None:
    store(acme, [(HOSTILE, HOSTILE, {HOSTILE: HOSTILE, "deep": {HOSTILE: [HOSTILE]}})])
    urls = ["/p/acme/", "/p/acme/sessions", f"/p/acme/sessions/{session_of(acme)}", user_url("acme", HOSTILE)]
    for url in urls:
        page = member.get(url).content.decode()
        assert "alert(&#x27;x&#x27;)" in page, url
        assert "<script>alert" not in page, url


@pytest.mark.parametrize("user_id", ["plain", "a/b", "a/../b", "..", "?x#y%2f", "line\nbreak", "ünï 🙂", "/"])
def test_any_user_id_has_a_page(member: Client, acme: Project, user_id: str) -> None:
    store(acme, [("signup", user_id, {"plan": "free"})])
    answer = member.get(user_url("acme", user_id))
    assert answer.status_code == 200
    assert "free" in answer.content.decode()


def test_a_session_shows_its_events(member: Client, acme: Project) -> None:
    store(acme, [("signup", "u1", {"plan": "free", "seats": 3})])
    page = member.get(f"/p/acme/sessions/{session_of(acme)}").content.decode()
    assert all(text in page for text in ("signup", "plan", "free", "seats"))


def test_a_session_of_another_project_is_not_found(member: Client, acme: Project, globex: Project) -> None:
    store(globex, [("signup", "u1", {})])
    assert member.get(f"/p/acme/sessions/{session_of(globex)}").status_code == 404


def test_sessions_can_be_filtered_by_user(member: Client, acme: Project) -> None:
    store(acme, [("signup", "u1", {}), ("signup", "u2", {})])
    page = member.get("/p/acme/sessions?user=u2").content.decode()
    assert "/p/acme/users/u2" in page
    assert "/p/acme/users/u1" not in page


def test_sessions_are_paged(member: Client, acme: Project) -> None:
    store(acme, [("signup", f"user-{number:02d}", {}) for number in range(51)])
    first = member.get("/p/acme/sessions?range=7d").content.decode()
    older = re.search(r'href="(\?[^"]*cursor=[^"]*)"', first)
    assert older
    second = member.get(f"/p/acme/sessions{older[1].replace('&amp;', '&')}").content.decode()
    assert second.count("/p/acme/users/") == 1
    assert 'href="?range=7d"' in second


@pytest.mark.parametrize("url", ["sessions?cursor=made-up", "users/%00", "users?id=", "users/nobody"])
def test_what_does_not_exist_is_not_found(member: Client, url: str) -> None:
    assert member.get(f"/p/acme/{url}").status_code == 404


def test_the_pipeline_page_counts_dead_letters_of_its_project(
    member: Client, acme: Project, globex: Project
) -> None:
    letter(acme)
    letter(globex, reason="too_deep")
    page = member.get("/p/acme/pipeline").content.decode()
    assert "outside_window" in page
    assert "too_deep" not in page


def test_the_pipeline_page_tells_how_it_runs(
    member: Client, acme: Project, settings: Any, tmp_path: Path
) -> None:
    settings.SPOOL_DIR = tmp_path
    (tmp_path / "1-old.sqlite.damaged").write_bytes(b"?")
    Project.objects.filter(pk=acme.pk).update(quota_events_per_second=500)
    page = member.get("/p/acme/pipeline").content.decode()
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page))
    assert facts["Quota of this project"] == "500 events a second, 5,000 at once"
    assert facts["Spool of this host"] == "1 damaged files"
    assert (facts["Processors at work"], facts["Parked"]) == ("0", "none")
    assert "Events a claim, at most" in facts


@pytest.mark.parametrize("page", [*PAGES, "users/u1"])
def test_pages_hold_no_inline_script_or_style(member: Client, acme: Project, page: str) -> None:
    store(acme, [("signup", "u1", {})])
    html = member.get(f"/p/acme/{page}").content.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", html)


def test_sample_data_can_only_be_removed_from_a_sample(member: Client, acme: Project) -> None:
    assert member.post("/p/acme/remove-sample").status_code == 404
    assert member.get("/sample").status_code == 405
    assert Project.objects.filter(pk=acme.pk).exists()


# --- the admin ------------------------------------------------------------------------------------------------


def letter(
    project: Project, *, raw: bytes = b'{"type": "late"}', reason: str = "outside_window"
) -> DeadLetter:
    return DeadLetter.objects.create(
        project=project,
        stage="gateway",
        reason=reason,
        message="too old",
        raw=raw,
        received_at=datetime.now(UTC),
    )


def act(client: Client, action: str, *letters: DeadLetter, **more: str) -> Any:
    data = {"action": action, "_selected_action": [each.pk for each in letters], **more}
    return client.post(reverse("admin:dlq_deadletter_changelist"), data)


def test_a_new_project_comes_with_keys_shown_once(operator: Client) -> None:
    form = {
        "slug": "initech",
        "name": "Initech",
        "quota_events_per_second": "0",
        "quota_burst_events": "0",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    page = operator.post(reverse("admin:events_project_add"), form, follow=True).content.decode()
    assert re.search(r"slw_[\w-]{20}", page)
    assert re.search(r"slr_[\w-]{20}", page)
    assert Membership.objects.filter(project__slug="initech", user__username="root").exists()
    again = operator.get(reverse("admin:events_apikey_changelist")).content.decode()
    assert not re.search(r"sl[wr]_[\w-]{20}", again)


def test_a_key_is_shown_once_and_can_be_revoked(operator: Client, acme: Project) -> None:
    form = {"project": acme.pk, "kind": "read", "label": "reports"}
    page = operator.post(reverse("admin:events_apikey_add"), form, follow=True).content.decode()
    key = ApiKey.objects.get(label="reports")
    assert re.search(r"slr_[\w-]{40}", page)
    assert key.token == ""
    operator.post(
        reverse("admin:events_apikey_changelist"), {"action": "revoke", "_selected_action": [key.pk]}
    )
    key.refresh_from_db()
    assert key.revoked_at


def test_only_the_label_of_a_key_can_change(operator: Client, acme: Project, globex: Project) -> None:
    create_key(project=acme, kind="read", label="old")
    key = ApiKey.objects.get(label="old")
    form = {"project": globex.pk, "kind": "write", "label": "new", "digest": "x"}
    operator.post(reverse("admin:events_apikey_change", args=[key.pk]), form)
    changed = ApiKey.objects.get(pk=key.pk)
    assert (changed.label, changed.project, changed.kind) == ("new", acme, "read")
    assert bytes(changed.digest) == bytes(key.digest)


@pytest.mark.parametrize("raw", [b'{"a": "<script>alert(1)</script>"}', b"\xff<script>alert(1)</script>\x00"])
def test_a_payload_is_shown_as_text(operator: Client, acme: Project, raw: bytes) -> None:
    url = reverse("admin:dlq_deadletter_change", args=[letter(acme, raw=raw).pk])
    page = operator.get(url).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("text", ["{", "[]", '{"a": NaN}', "1"])
def test_a_correction_must_be_a_json_object(operator: Client, acme: Project, text: str) -> None:
    found = letter(acme)
    url = reverse("admin:dlq_deadletter_change", args=[found.pk])
    assert operator.post(url, {"corrected": text}).status_code == 200
    assert DeadLetter.objects.get(pk=found.pk).edited is None


def test_a_correction_keeps_the_original_bytes(operator: Client, acme: Project) -> None:
    found = letter(acme)
    operator.post(
        reverse("admin:dlq_deadletter_change", args=[found.pk]), {"corrected": '{"type": "on time"}'}
    )
    found.refresh_from_db()
    assert json.loads(bytes(found.edited or b"")) == {"type": "on time"}
    assert bytes(found.raw) == b'{"type": "late"}'


def test_letters_cannot_be_added_or_deleted(operator: Client, acme: Project) -> None:
    assert operator.get(reverse("admin:dlq_deadletter_add")).status_code == 403
    assert operator.post(reverse("admin:dlq_deadletter_delete", args=[letter(acme).pk])).status_code == 403


def test_a_replay_shows_a_dry_run_first(operator: Client, acme: Project) -> None:
    good, bad = letter(acme, raw=b'{"type": "t", "userId": "u"}'), letter(acme, raw=b"not json")
    page = act(operator, "replay_letters", good, bad).content.decode()
    assert "<strong>1</strong> would pass now, <strong>1</strong> would fail" in page
    assert f'name="confirmed" value="{good.pk}"' in page
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"new"}


def test_a_confirmed_replay_asks_for_the_letters_that_passed(
    operator: Client, acme: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[int], str]] = []
    monkeypatch.setattr("dlq.admin.request_replay", lambda *, ids, by: asked.append((ids, by)) or len(ids))
    good, bad = letter(acme), letter(acme)
    act(operator, "replay_letters", bad, confirmed=str(good.pk))
    assert asked == [([good.pk], "root")]


def test_discarding_asks_first_and_keeps_the_bytes(operator: Client, acme: Project) -> None:
    found = letter(acme)
    assert "Discard 1 dead letter?" in act(operator, "discard_letters", found).content.decode()
    act(operator, "discard_letters", found, confirmed=str(found.pk))
    found.refresh_from_db()
    assert (found.state, found.resolved_by) == ("discarded", "root")
    assert bytes(found.raw)
