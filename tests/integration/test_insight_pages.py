"""The pages of funnels, retention, paths and lifecycle: whose numbers, from which URL, and hostile texts as text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.html import escape

from events.models import Membership
from metrics.errors import QuestionTooLarge
from tests.support.pipeline import NOON, event, store_all
from tests.support.tenants import Tenant

HOSTILE = "<script>alert('x')</script>\"'&"
DAYS = {"range": "custom", "from": "2025-06-01", "to": "2025-06-04"}
FUNNEL = {"step1": "view", "step2": "cart", "step3": HOSTILE}
PAGES: dict[str, dict[str, str]] = {
    "funnels": FUNNEL,
    "retention": {"came": "view", "returned": HOSTILE},
    "paths": {"event": "view"},
    "lifecycle": {"period": "day"},
}
Look = Callable[..., str]


@pytest.fixture
def viewer(acme: Tenant, globex: Tenant) -> Client:
    """A client of a viewer of acme, whose events hold hostile texts; globex has others."""
    ways = {"ada": ["view", "cart", HOSTILE], "ben": ["view", "cart"], "cyn": ["view"]}
    store_all(
        acme.id,
        [
            event(user, NOON + timedelta(minutes=10 * place), type=kind, **{"country": HOSTILE, HOSTILE: "x"})
            for user, way in ways.items()
            for place, kind in enumerate(way)
        ],
    )
    foreign = [
        event(f"v{n}", NOON, type=kind, country="foreign") for n in range(9) for kind in ("view", "zz")
    ]
    store_all(globex.id, foreign)
    user, client = User.objects.create_user("viewer"), Client()
    Membership.objects.create(project_id=acme.id, user=user, role="viewer")
    client.force_login(user)
    return client


@pytest.fixture
def look(viewer: Client) -> Look:
    """Return what acme's page says to a question in its URL."""

    def looked(page: str, *, days: dict[str, str] = DAYS, htmx: bool = False, **query: str) -> str:
        headers: Any = {"HTTP_HX_REQUEST": "true"} if htmx else {}
        answer = viewer.get(f"/p/acme/{page}?{urlencode(days | query)}", **headers)
        assert answer.status_code == 200
        return " ".join(answer.content.decode().split())

    return looked


@pytest.mark.parametrize(("page", "query"), PAGES.items())
def test_hostile_texts_are_texts(look: Look, page: str, query: dict[str, str]) -> None:
    extra = {"funnels": {"by": "country"}, "paths": {"node": "country"}}.get(page, {})
    shown = look(page, **(query | extra))
    assert "<script>alert" not in shown
    if page != "lifecycle":
        assert escape(HOSTILE) in shown


@pytest.mark.parametrize(("page", "query"), PAGES.items())
def test_htmx_gets_the_part_with_the_question_alone(look: Look, page: str, query: dict[str, str]) -> None:
    part = look(page, htmx=True, **query)
    assert part.startswith('<section id="insight"')
    assert "<html" not in part and 'id="question"' in part


@pytest.mark.parametrize("page", PAGES)
def test_other_tenants_are_not_found_and_not_counted(viewer: Client, look: Look, page: str) -> None:
    assert viewer.get(f"/p/globex/{page}").status_code == 404
    shown = look(page, **PAGES[page])
    assert "foreign" not in shown and ">zz<" not in shown


@pytest.mark.parametrize("page", PAGES)
def test_pages_only_look(viewer: Client, page: str) -> None:
    assert viewer.post(f"/p/acme/{page}").status_code == 405


@pytest.mark.parametrize("page", PAGES)
def test_a_refusal_is_a_sentence_in_place(look: Look, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise QuestionTooLarge("Ask for less.")

    module = {"funnels": "funnel", "paths": "paths", "retention": "retention", "lifecycle": "lifecycle"}[page]
    monkeypatch.setattr(f"metrics.dashboards.{page}.ask_{module}", refuse)
    shown = look(page, **PAGES[page])
    assert '<p class="notice" role="alert">Ask for less.</p>' in shown
    assert 'id="question"' in shown


def test_a_funnel_is_in_its_url(look: Look) -> None:
    shown = look("funnels", **FUNNEL, window="1h", by="country")
    assert "<b>3</b> 100 %" in shown and "<b>2</b> 67 %" in shown and "<b>1</b> 33 %" in shown
    assert '<option value="1h" selected>' in shown
    assert "median 20 min from the first step" in shown
    assert "By country" in shown


def test_a_filter_of_the_url_narrows_a_funnel_and_is_a_chip(look: Look) -> None:
    shown = look("funnels", **FUNNEL, filter="props.country:eq:nowhere")
    assert "Nobody did the first step" in shown
    assert "remove this filter" in shown


def test_retention_is_a_triangle(look: Look) -> None:
    shown = look("retention", came="view", returned="cart")
    assert '<th scope="row">2 Jun</th><td class="number">3</td>' in shown
    assert 'title="2 of 3">67 %' in shown


def test_paths_are_a_diagram_and_a_table(look: Look) -> None:
    shown = look("paths", event="view")
    assert "3 sessions with it" in shown
    assert "<title>view → cart: 2</title>" in shown
    assert '<td class="who">view</td><td class="who">cart</td><td class="number">2</td>' in shown
    assert "What happens before cart" in look("paths", event="cart", direction="before")


def test_a_lifecycle_is_two_charts(look: Look) -> None:
    shown = look("lifecycle")
    assert 'id="chart-there"' in shown and 'id="chart-gone"' in shown


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("funnels", "A funnel counts the people"),
        ("retention", "Retention takes the people"),
        ("paths", "Paths take one event"),
        ("lifecycle", "A lifecycle tells people apart"),
    ],
)
def test_a_page_without_an_answer_teaches_with_an_example(look: Look, page: str, sentence: str) -> None:
    shown = look(page, days={"range": "today"})
    assert sentence in shown
    assert "For example: <a href=" in shown


def test_no_page_has_inline_styles_or_scripts(look: Look) -> None:
    for page, query in PAGES.items():
        shown = look(page, **query)
        assert " style=" not in shown and "<script>" not in shown
