"""Stored days in a real browser: an operator asks for something, confirms it, and sees what came of it."""

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
    pytest.mark.xdist_group("browser-operations"),
]
NewPage = Callable[..., Any]
AGES = (1, 2, 3)
PHONE = {"viewport": {"width": 390, "height": 844}}


def day(age: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=age):%Y-%m-%d}"


@pytest.fixture(scope="module")
def stored(sluice: RunningSluice) -> RunningSluice:
    """A Sluice with an event on each of the last days."""
    moments = (datetime.now(UTC) - timedelta(days=age) for age in AGES)
    sluice.send([{"type": "view", "userId": "anna", "ts": moment.isoformat()} for moment in moments])
    sluice.drain()
    return sluice


def ask(page: Any, operation: str, age: int) -> None:
    """Go from the pipeline page to the one that asks."""
    page.goto("/p/default/pipeline")
    page.locator(f"#{operation}-{day(age)}").click()
    page.wait_for_selector(".ask")


def wait_for_outcome(page: Any, text: str) -> None:
    """Wait until the page, which refreshes itself, shows what came of it."""
    page.wait_for_selector(f".card:has(h2:has-text('Done by hand')) >> text={text}", timeout=30_000)


def test_a_refresh_is_confirmed_and_its_outcome_appears(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    ask(page, "refresh", 1)
    page.get_by_role("button", name="Refresh").click()
    page.wait_for_url("**/pipeline")
    assert "Asked for: refresh" in page.locator(".notice").inner_text()
    wait_for_outcome(page, "days computed again: 1")


def test_a_drop_wants_the_day_typed(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    ask(page, "drop", 2)
    assert "everything older" in page.locator("h1").inner_text()
    page.get_by_text("What goes").click()
    assert page.locator(".plain li").count() == 2
    page.get_by_role("button", name="Drop").click()
    assert "/drop" in page.url, "the browser lets an empty field pass"
    page.get_by_label("Type").fill(day(2))
    page.get_by_role("button", name="Drop").click()
    page.wait_for_url("**/pipeline")
    wait_for_outcome(page, "days dropped: 2")
    page.wait_for_selector(f"#drop-{day(3)}", state="detached")
    assert page.locator(f"#drop-{day(1)}").count() == 1


def test_a_refresh_of_the_page_keeps_the_focus_on_a_button(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/pipeline")
    page.locator(f"#refresh-{day(1)}").focus()
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.evaluate("htmx.trigger('[data-live]', 'refresh')")
    page.wait_for_function(f"document.activeElement.id === 'refresh-{day(1)}'")


@pytest.mark.parametrize(
    "options", [PHONE, {}, PHONE | {"color_scheme": "dark"}], ids=["phone", "desk", "dark"]
)
@pytest.mark.parametrize("operation", ["refresh", "drop"])
def test_the_pages_that_ask_fit(
    new_page: NewPage, stored: RunningSluice, operation: str, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    ask(page, operation, 1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.get_by_role("button", name=operation.title(), exact=True).is_visible()
