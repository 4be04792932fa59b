"""Funnels, retention, paths and lifecycle in a real browser: their state is their URL, and they fit a phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.instance import RunningSluice

pytestmark = [
    pytest.mark.browser,
    pytest.mark.acceptance,
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
]
NewPage = Callable[..., Any]
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
FUNNEL = "funnels?step1=visit&step2=buy&by=country"
PATHS = (FUNNEL, "retention", "paths?event=visit", "lifecycle")
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def stored(sluice: RunningSluice) -> RunningSluice:
    """A Sluice with a few visitors, one of whom is hostile."""
    ways = {"ada": ["visit", "buy", HOSTILE], "ben": ["visit", "buy"], "cyn": ["visit"]}
    start = datetime.now(UTC) - timedelta(minutes=5)
    sluice.send(
        [
            {
                "type": kind,
                "userId": user,
                "eventId": f"{user}-{place}",
                "ts": (start + timedelta(minutes=place)).isoformat(),
                "props": {"country": HOSTILE},
            }
            for user, way in ways.items()
            for place, kind in enumerate(way)
        ]
    )
    sluice.drain()
    return sluice


def test_a_funnel_is_built_by_choosing_and_survives_a_reload(
    new_page: NewPage, stored: RunningSluice
) -> None:
    page = new_page()
    page.goto("/p/default/funnels")
    page.get_by_label("Step 1").select_option("visit")
    page.wait_for_url("**/funnels?step1=visit")
    page.get_by_label("Step 2").select_option("buy")
    page.wait_for_url("**/funnels?step1=visit&step2=buy")
    page.get_by_label("Step 3").select_option(HOSTILE)
    page.wait_for_url("**&step3=**")
    page.get_by_label("Break down by").select_option("country")
    page.wait_for_url("**&by=country")
    page.reload()
    assert page.locator(".reached").count() == 3
    assert HOSTILE in page.locator(".groups").inner_text()
    page.get_by_role("link", name="Move down").first.click()
    page.wait_for_url("**step1=buy&step2=visit**")
    page.get_by_role("link", name="Remove this step").first.click()
    page.wait_for_url("**?step1=visit&step2=**")
    page.get_by_label("Range").select_option("24h")
    page.wait_for_url("**range=24h&step1=visit**")
    assert page.title() != "owned"


def test_questions_are_in_their_urls(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/retention")
    page.locator("#ask-period").select_option("week")
    page.wait_for_url("**/retention?period=week")
    page.reload()
    assert "Week 0" in page.locator(".triangle").inner_text()
    page.goto("/p/default/paths")
    page.locator("#ask-event").select_option("buy")
    page.get_by_label("What happens").select_option("before")
    page.wait_for_url("**/paths?event=buy&direction=before")
    page.reload()
    assert page.locator(".flow-node").count() == 2
    page.get_by_text("Links as a table").click()
    assert page.get_by_role("cell", name="visit").is_visible()


def test_a_lifecycle_redraws_its_charts(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/lifecycle")
    page.locator("#ask-period").select_option("month")
    page.wait_for_url("**/lifecycle?period=month")
    page.wait_for_selector("[aria-label*='New: highest 3']")
    assert page.locator(".chart canvas").count() == 2


@pytest.mark.parametrize("options", [PHONE, PHONE | {"color_scheme": "dark"}], ids=["light", "dark"])
def test_pages_fit_a_phone_in_light_and_dark(
    new_page: NewPage, stored: RunningSluice, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    for path in PATHS:
        page.goto(f"/p/default/{path}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.locator("#insight .card").count() > 1, path


def test_pages_work_without_script(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/p/default/funnels")
    page.get_by_label("Step 1").select_option("visit")
    page.get_by_label("Step 2").select_option("buy")
    page.locator("#question").get_by_role("button", name="Show").click()
    assert page.locator(".reached").count() == 2
    page.get_by_role("link", name="Move down").click()
    assert "step1=buy" in page.url
