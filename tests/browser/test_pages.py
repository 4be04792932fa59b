"""The pages in a real browser on a real Sluice: no test may leave an error in the console."""

from __future__ import annotations

import re
from collections.abc import Callable
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
PATHS = ("", "?range=24h&metric=users", "sessions", "pipeline", "setup")
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def stored(sluice: RunningSluice) -> RunningSluice:
    """A Sluice whose default project has a hostile event."""
    event = {
        "type": HOSTILE,
        "userId": HOSTILE,
        "props": {HOSTILE: HOSTILE, "list": [HOSTILE]},
        "eventId": "hostile",
    }
    sluice.send([event, {"type": "signup", "userId": "anna", "eventId": "signup"}])
    sluice.drain()
    return sluice


def tile(page: Any, name: str) -> Any:
    return page.locator(".tile", has_text=name).first


def refresh(page: Any) -> None:
    """Let the page ask for its figures now, as its timer would, and wait for the answer."""
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.evaluate("htmx.trigger('[data-live]', 'refresh')")


# The first two tests see the default project empty; it is not afterwards.
def test_sample_data_come_and_go_without_touching_real_numbers(
    new_page: NewPage, sluice: RunningSluice
) -> None:
    page = new_page()
    page.goto("/")
    page.get_by_role("button", name="Load sample data").click()
    page.wait_for_url("**/p/sample-shop/")
    page.wait_for_selector(".tiles")
    sluice.drain()
    page.goto("/p/sample-shop/?range=30d")
    assert "generated" in page.locator(".sample").inner_text()
    assert "purchase" in page.locator(".bars").inner_text()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove sample data").click()
    page.wait_for_url("**/p/default/")
    assert "gone" in page.locator(".notice").inner_text()
    assert "No events yet" in page.locator("main").inner_text()
    assert page.request.get("/p/sample-shop/").status == 404


def test_an_empty_project_comes_alive_with_its_first_event(new_page: NewPage, sluice: RunningSluice) -> None:
    page = new_page()
    page.goto("/")
    assert sluice.keys["write_key"] in page.locator(".snippet").inner_text()
    sluice.send({"type": "hello", "userId": "me"})
    page.wait_for_selector(".tiles")
    assert "hello" in page.locator(".bars").inner_text()


def test_a_wrong_password_is_refused(new_page: NewPage) -> None:
    page = new_page(storage_state=None)
    page.goto("/p/default/?range=30d")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    assert "do not match" in page.get_by_role("alert").inner_text()


def test_the_overview_is_in_its_url(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/")
    page.get_by_label("Range").select_option("24h")
    page.wait_for_url("**range=24h**")
    page.get_by_label("Step").select_option("15m")
    page.wait_for_url("**step=15m**")
    tile(page, "Users").click()
    page.wait_for_url("**metric=users**")
    page.reload()
    assert re.search(r"metric=users&range=24h&step=15m$", page.url)
    assert page.get_by_label("Range").input_value() == "24h"
    assert page.get_by_label("Step").input_value() == "15m"
    assert page.locator(".tile[aria-current]").inner_text().startswith("Users")
    page.go_back()
    page.wait_for_selector(".tile[aria-current] >> text=Events")


def test_days_of_ones_choice(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/")
    assert not page.get_by_label("From").is_visible()
    page.get_by_label("Range").select_option("custom")
    page.wait_for_url("**range=custom**")
    page.get_by_label("From").fill("2020-01-01")
    page.get_by_label("to", exact=True).fill("2020-01-31")
    page.wait_for_url("**from=2020-01-01**to=2020-01-31**")
    page.wait_for_selector("text=Nothing happened in this range")
    page.get_by_text("show the week up to it").click()
    page.wait_for_selector(".bars >> text=signup")


def test_hostile_texts_stay_texts(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    for path in PATHS:
        page.goto(f"/p/default/{path}")
        assert page.title() != "owned"
    page.goto("/p/default/sessions")
    page.locator("td.who a", has_text="onerror").first.click()
    assert page.locator("h1").inner_text() == HOSTILE
    assert HOSTILE in page.locator(".timeline").inner_text()
    page.locator("td.when a").first.click()
    assert HOSTILE in page.locator(".timeline").inner_text()
    assert page.title() != "owned"
    assert page.locator("img").count() == 0


def test_a_refresh_keeps_the_chart_and_the_focus(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/")
    page.wait_for_selector(".chart canvas")
    page.evaluate("document.querySelector('.chart canvas').kept = true")
    tile(page, "Users").focus()
    refresh(page)
    page.wait_for_function("document.querySelector('.chart canvas').kept")
    assert page.evaluate("document.activeElement.id") == "tile-users"


def test_a_click_on_a_bar_filters_and_its_chip_takes_it_out(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/")
    page.locator(".bars").get_by_role("link", name="signup").click()
    page.wait_for_url("**?type=signup")
    chip = page.locator(".chips a", has_text="signup")
    chip.wait_for()
    assert tile(page, "Events").locator(".tile-value").inner_text() == "1"
    page.get_by_label("Range").select_option("30d")
    page.wait_for_url("**range=30d**type=signup**")
    page.reload()
    chip.click()
    page.wait_for_url("**?range=30d")
    page.wait_for_selector(".chips", state="detached")


def test_the_period_before_and_the_time_zone_are_in_the_url(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/")
    page.get_by_label("Compare").check()
    page.wait_for_url("**?compare=previous")
    page.locator(".legend", has_text="period before").wait_for()
    assert "new" in tile(page, "Events").inner_text()
    page.get_by_label("Time zone").fill("Asia/Tokyo")
    page.get_by_label("Time zone").press("Enter")
    page.wait_for_url("**tz=Asia%2FTokyo**")
    page.locator("figcaption", has_text="Asia/Tokyo").wait_for()
    page.reload()
    assert page.get_by_label("Time zone").input_value() == "Asia/Tokyo"
    assert page.get_by_label("Compare").is_checked()


def test_a_chart_is_read_without_being_seen(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/?compare=previous")
    chart = page.locator(".chart")
    page.wait_for_selector(".chart canvas")
    assert "Events: highest" in chart.get_attribute("aria-label")
    page.get_by_text("Values as a table").click()
    page.locator(".values td", has_text=re.compile(r"\d{4}")).first.wait_for()
    refresh(page)
    assert page.locator(".values tbody tr").count() > 1
    chart.focus()
    page.keyboard.press("ArrowLeft")
    assert "Events" in page.locator(".chart-tip").inner_text()


def test_a_line_is_switched_off_and_the_chart_is_saved(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/?compare=previous")
    before = page.get_by_role("button", name="period before")
    page.wait_for_selector(".chart canvas")
    before.click()
    refresh(page)
    assert before.get_attribute("aria-pressed") == "false"
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    assert download.value.suggested_filename == "events-over-time.png"
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_the_navigation_is_a_menu_on_a_phone(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page(**PHONE)
    page.goto("/p/default/")
    link = page.get_by_role("navigation").get_by_role("link", name="Pipeline")
    assert not link.is_visible()
    page.get_by_role("button", name="Pages").click()
    link.click()
    page.wait_for_url("**/pipeline")
    assert not link.is_visible()


def test_a_hidden_tab_asks_nothing_until_it_is_seen_again(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("htmx.trigger('[data-live]', 'refresh')")
    page.evaluate("fetch('/health/live')")
    assert [url for url in asked if "/p/" in url] == []
    with page.expect_response("**/p/default/**"):
        page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")


def test_a_page_says_so_when_it_is_no_longer_live(
    new_page: NewPage, stored: RunningSluice, faults: list[str]
) -> None:
    page = new_page()
    page.goto("/p/default/pipeline")
    page.route("**/p/default/pipeline", lambda route: route.abort())
    page.evaluate("htmx.trigger('[data-live]', 'refresh')")
    page.wait_for_selector(".live.stale")
    page.unroute("**/p/default/pipeline")
    refresh(page)
    page.wait_for_selector(".live:not(.stale)")
    faults.clear()


def test_the_theme_is_kept(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page(color_scheme="light")
    page.goto("/p/default/")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()
    assert page.evaluate(background) != light
    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()
    assert page.evaluate(background) == light


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "options", [PHONE, {}, PHONE | {"color_scheme": "dark"}], ids=["phone", "desk", "dark"]
)
def test_pages_fit_and_do_not_jump(
    new_page: NewPage, stored: RunningSluice, path: str, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    page.add_init_script(
        "window.shift = 0;"
        "new PerformanceObserver(list => list.getEntries().forEach(entry => window.shift += entry.value))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    page.goto(f"/p/default/{path}", wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("window.shift") < 0.02


def test_the_admin_works_under_the_policy(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    for path in ("", "events/project/1/change/", "events/apikey/add/", "dlq/deadletter/", "auth/user/"):
        page.goto(f"/admin/{path}", wait_until="networkidle")
        assert "Sluice" in page.title()
