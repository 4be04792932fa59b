"""The pages of segments: the list, making one by rules or from a file, who is in one, export and removal."""

from __future__ import annotations

import logging
import re
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from config.lib import clock
from events.models import Membership
from metrics.dashboards.forms.segments import EXAMPLES
from metrics.errors import QuestionTooLarge
from metrics.models import Segment
from metrics.segments.reading import read_rules
from metrics.segments.services import create_segment
from tests.support.pipeline import event, store_all
from tests.support.tenants import Tenant

HOSTILE = "<script>alert('x')</script>\"'&"
URL = "/p/acme/segments"
BUYERS = '{"did": {"type": "purchase"}}'


@pytest.fixture
def member(acme: Tenant, globex: Tenant) -> Client:
    """A client logged in as a member of acme, and of nothing else."""
    user = User.objects.create_user("anna")
    Membership.objects.create(project_id=acme.id, user=user)
    client = Client()
    client.force_login(user)
    return client


def listed(project: Tenant, name: str, *users: str) -> Segment:
    return create_segment(project_id=project.id, name=name, by="ann", users=users)


def upload(client: Client, body: bytes, *, name: str = "beta") -> Any:
    file = SimpleUploadedFile("people.txt", body, "text/plain")
    return client.post(URL, {"do": "list", "name": name, "file": file})


def names() -> set[tuple[str, str]]:
    return set(Segment.objects.values_list("project__slug", "name"))


# --- the list -------------------------------------------------------------------------------------------------


def test_an_empty_page_teaches(member: Client) -> None:
    page = member.get(URL).content.decode()
    assert "No segment yet" in page
    assert "segment=NAME" in page
    assert page.count("?example=") == 3


@pytest.mark.parametrize("key", list(EXAMPLES))
def test_an_example_fills_the_form_and_is_valid(member: Client, key: str) -> None:
    page = member.get(f"{URL}?example={key}").content.decode()
    read_rules(EXAMPLES[key][1])
    kind = next(iter(EXAMPLES[key][1]))
    assert f"&quot;{kind}&quot;:" in page


def test_the_list_shows_its_own_project_only(member: Client, acme: Tenant, globex: Tenant) -> None:
    listed(acme, "ours", "u1")
    listed(globex, "zzforeign", "u1")
    page = member.get(URL).content.decode()
    assert f'href="{URL}/ours"' in page
    assert "zzforeign" not in page


def test_sizes_count_the_own_projects_people(member: Client, acme: Tenant, globex: Tenant) -> None:
    for tenant, users in ((acme, "ab"), (globex, "cdefg")):
        store_all(tenant.id, [event(user, clock.now(), type="purchase") for user in users])
    create_segment(
        project_id=acme.id, name="buyers", by="ann", rules=read_rules({"did": {"type": "purchase"}})
    )
    assert member.get(f"{URL}/buyers/size").content.decode().strip() == "2"


def test_the_list_is_paged(member: Client, acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrics.dashboards.views.segments.PAGE", 2)
    for name in ("a1", "a2", "a3"):
        listed(acme, name)
    first = member.get(URL).content.decode()
    older = re.search(r'href="(\?[^"]*cursor=[^"]*)"', first)
    assert older
    assert f'href="{URL}/a3"' not in first
    second = member.get(f"{URL}{older[1].replace('&amp;', '&')}").content.decode()
    assert f'href="{URL}/a3"' in second
    assert member.get(f"{URL}?cursor=made-up").status_code == 404


# --- making one -----------------------------------------------------------------------------------------------


def test_a_preview_counts_and_saves_nothing(member: Client, acme: Tenant, globex: Tenant) -> None:
    store_all(acme.id, [event(user, clock.now(), type="purchase") for user in "abc"])
    store_all(globex.id, [event(user, clock.now(), type="purchase") for user in "defgh"])
    for headers in ({}, {"HX-Request": "true"}):
        answer = member.post(URL, {"do": "preview", "rules": BUYERS}, headers=headers)
        assert re.search(r"<strong>3</strong>\s+people meet these rules", answer.content.decode())
        assert ("<html" in answer.content.decode()) is not headers.get("HX-Request")
    assert names() == set()


def test_rules_are_saved_for_the_own_project(member: Client, acme: Tenant) -> None:
    answer = member.post(URL, {"do": "rules", "name": "buyers", "rules": BUYERS}, follow=True)
    assert "The segment buyers is saved" in answer.content.decode()
    saved = Segment.objects.get()
    assert (saved.project_id, saved.kind, saved.created_by) == (acme.id, "rules", "anna")
    assert saved.rules == read_rules({"did": {"type": "purchase"}}).wire()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "{",
        "3",
        "NaN",
        '{"did": 3}',
        '{"all": [{"trait": "x"}]}',
        '{"a": 1, "a": 2}',
        '"\\ud800"',
        "[" * 5000,
    ],
)
@pytest.mark.parametrize("do", ["rules", "preview"])
def test_rules_that_mean_nothing_are_refused_beside_them(member: Client, rules: str, do: str) -> None:
    answer = member.post(URL, {"do": do, "name": "mine", "rules": rules})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert re.search(r'class="field wrong">\s*<label for="rules_rules"', page)
    partial = member.post(URL, {"do": "preview", "rules": rules}, headers={"HX-Request": "true"})
    assert 'class="problem"' in partial.content.decode()
    assert names() == set()


def test_a_refusal_names_the_place(member: Client) -> None:
    rules = '{"all": [{"did": {"type": "a"}}, {"trait": "x"}]}'
    assert "rules.all[1].trait" in member.post(URL, {"do": "rules", "rules": rules}).content.decode()


@pytest.mark.parametrize("name", ["", "Bad", "preview", "a" * 64, HOSTILE])
def test_a_bad_name_is_refused_beside_it(member: Client, name: str) -> None:
    answer = member.post(URL, {"do": "rules", "name": name, "rules": BUYERS})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert re.search(r'class="field wrong">\s*<label for="rules_name"', page)
    assert "<script>alert" not in page


def test_a_taken_name_is_refused(member: Client, acme: Tenant, globex: Tenant) -> None:
    listed(globex, "mine")
    assert member.post(URL, {"do": "rules", "name": "mine", "rules": BUYERS}).status_code == 302
    assert member.post(URL, {"do": "rules", "name": "mine", "rules": BUYERS}).status_code == 409
    assert upload(member, b"u1\n", name="mine").status_code == 409


def test_an_upload_makes_a_list(member: Client, acme: Tenant) -> None:
    assert upload(
        member, f'user_id\nu1\n\nu2\nu1\n\'=1+1\n"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n'.encode()
    )
    page = member.get(f"{URL}/beta").content.decode()
    assert re.search(r"People</dt><dd>4<", page)
    assert all(text in page for text in (">u1<", ">u2<", ">=1+1<", "alert(&#x27;x&#x27;)"))
    assert "<script>alert" not in page


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"a\0b\n", b"x" * 300, b'"open'])
def test_a_bad_file_is_refused_and_nothing_of_it_taken(member: Client, body: bytes) -> None:
    answer = upload(member, body)
    assert answer.status_code == 400
    assert re.search(r'class="field wrong">\s*<label for="list_file"', answer.content.decode())
    assert names() == set()


def test_a_file_that_is_too_large_is_told_so(member: Client, settings: Any) -> None:
    settings.MAX_REQUEST_BYTES = 2000
    answer = upload(member, b"u1\n" * 1000)
    assert answer.status_code == 302
    assert "at most 2,000 bytes" in member.get(URL).content.decode()
    assert names() == set()


# --- one segment ----------------------------------------------------------------------------------------------


def test_people_are_paged_and_linked(member: Client, acme: Tenant) -> None:
    listed(acme, "many", *(f"user-{number:03d}" for number in range(51)))
    first = member.get(f"{URL}/many").content.decode()
    older = re.search(r'href="(\?cursor=[^"]*)"', first)
    assert older
    assert first.count('href="/p/acme/users/') == 50
    second = member.get(f"{URL}/many{older[1]}").content.decode()
    assert re.findall(r'href="/p/acme/users/([^"]*)"', second) == ["user-050"]
    assert member.get(f"{URL}/many?cursor=made-up").status_code == 404


def test_a_segment_that_is_too_large_to_count_says_so(member: Client, acme: Tenant) -> None:
    listed(acme, "many", "u1")
    with patch("metrics.dashboards.views.segments.size_of", side_effect=QuestionTooLarge("Ask for less.")):
        assert "too long to count" in member.get(f"{URL}/many/size").content.decode()
        answer = member.get(f"{URL}/many")
    assert answer.status_code == 200
    assert "Ask for less." in answer.content.decode()


def test_an_export_has_everybody_and_no_formula(member: Client, acme: Tenant, globex: Tenant) -> None:
    listed(acme, "beta", "u1", "=1+1", "a,b")
    listed(globex, "beta", "zzforeign")
    answer = member.get(f"{URL}/beta/users.csv")
    assert 'filename="beta.csv"' in answer["Content-Disposition"]
    lines = b"".join(answer).decode().splitlines()  # type: ignore[arg-type]
    assert lines == ["userId", "'=1+1", '"a,b"', "u1"]


def test_a_removal_asks_first_and_is_logged(
    member: Client, acme: Tenant, globex: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    listed(acme, "beta", "u1")
    listed(globex, "beta", "u1")
    assert "The list goes with it" in member.get(f"{URL}/beta/remove").content.decode()
    assert names() == {("acme", "beta"), ("globex", "beta")}
    caplog.clear()
    with caplog.at_level(logging.WARNING, "sluice.segments"):
        assert "beta is gone" in member.post(f"{URL}/beta/remove", follow=True).content.decode()
    assert names() == {("globex", "beta")}
    assert caplog.messages == [f"anna removed the segment beta of project {acme.id}"]


# --- who may --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/theirs", "/theirs/size", "/theirs/users.csv", "/theirs/remove"])
def test_other_projects_are_not_found(member: Client, globex: Tenant, path: str) -> None:
    listed(globex, "theirs", "u1")
    assert member.get(f"/p/globex/segments{path}").status_code == 404
    assert path == "" or member.get(f"{URL}{path}").status_code == 404


@pytest.mark.parametrize("path", ["", "/theirs/remove"])
def test_changes_need_a_login_and_come_from_our_own_pages(member: Client, acme: Tenant, path: str) -> None:
    listed(acme, "theirs", "u1")
    form = {"do": "rules", "name": "mine", "rules": BUYERS}
    assert Client().post(f"{URL}{path}", form)["Location"].startswith("/login")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="anna"))
    assert strict.post(f"{URL}{path}", form).status_code == 403
    assert strict.post(f"{URL}{path}", form | {"do": "preview"}).status_code == 403
    assert member.post(f"/p/globex/segments{path}", form).status_code == 404
    assert names() == {("acme", "theirs")}


def test_pages_hold_no_inline_script_or_style(member: Client, acme: Tenant) -> None:
    listed(acme, "beta", "u1")
    for path in ("", "/beta", "/beta/remove"):
        page = member.get(f"{URL}{path}").content.decode()
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", page), path
