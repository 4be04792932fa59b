"""Metrics, segments and the tracking plan made in a real browser: no inline script, and hostile texts as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.instance import RunningSluice

pytestmark = [
    pytest.mark.browser,
    pytest.mark.acceptance,
    pytest.mark.slow,
    pytest.mark.xdist_group("browser-making"),
]
NewPage = Callable[..., Any]
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
PHONE = {"viewport": {"width": 390, "height": 844}}
PATHS = (
    *("metrics", "metrics/hostile/remove", "segments", "segments?example=large", "segments/listed"),
    *("segments/listed/remove", "plan", "plan/type?type=purchase&draft=1", "plan/type?type=never"),
)
ADMIN = ("metrics_metricdefinition", "metrics_segment", "events_plannedtype")


@pytest.fixture(scope="module")
def stored(sluice: RunningSluice) -> RunningSluice:
    """A Sluice whose default project has purchases and a hostile event."""
    hostile = {"type": HOSTILE, "userId": HOSTILE, "props": {HOSTILE: HOSTILE}}
    bought = [
        {"type": "purchase", "userId": f"u{number}", "props": {"amount": number}} for number in range(60)
    ]
    sluice.send([hostile, *bought])
    sluice.drain()
    return sluice


@pytest.fixture(scope="module")
def made(browser: Any, cookies: Any, stored: RunningSluice) -> RunningSluice:
    """A metric and a list that hold hostile texts."""
    context = browser.new_context(base_url=stored.base_url, storage_state=cookies)
    page = context.new_page()
    define(page, "hostile", event=HOSTILE, filters=f"props.{HOSTILE}:eq:{HOSTILE}")
    quoted = HOSTILE.replace('"', '""')
    upload(page, "listed", f'"{quoted}"\n=1+1\nu1\n'.encode())
    context.close()
    return stored


def define(page: Any, name: str, **fields: str) -> None:
    page.goto("/p/default/metrics")
    for field, text in {"name": name, **fields}.items():
        page.locator(f"#define [name={field}]").fill(text)
    page.get_by_role("button", name="Define", exact=True).click()
    page.wait_for_selector(".notice")


def upload(page: Any, name: str, body: bytes) -> None:
    page.goto("/p/default/segments")
    page.locator("#list_name").fill(name)
    page.locator("#list_file").set_input_files({"name": "l.txt", "mimeType": "text/plain", "buffer": body})
    page.get_by_role("button", name="Upload").click()
    page.wait_for_selector(".notice")


def test_a_metric_is_defined_watched_and_removed(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/metrics")
    page.get_by_label("Name", exact=True).fill("revenue")
    page.get_by_label("Events of the type").fill("purchase")
    page.get_by_label("What is measured").select_option("sum")
    page.get_by_label("Property").fill("props.amount")
    page.get_by_role("button", name="Define", exact=True).click()
    row = page.locator("#defined tr", has_text="revenue")
    assert "Sum of props.amount of purchase events" in row.inner_text()
    row.get_by_text("complete").wait_for(timeout=60_000)
    row.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url("**/metrics")
    assert "revenue is gone" in page.locator(".notice").inner_text()


def test_a_refusal_stands_beside_its_field(
    new_page: NewPage, stored: RunningSluice, faults: list[str]
) -> None:
    page = new_page()
    page.goto("/p/default/metrics")
    page.get_by_label("Name", exact=True).fill("Not A Name")
    page.get_by_role("button", name="Define", exact=True).click()
    assert "small letters" in page.locator(".field.wrong .problem").inner_text()
    assert page.get_by_label("Name", exact=True).input_value() == "Not A Name"
    faults.clear()


def test_a_segment_is_counted_before_it_is_saved(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/segments")
    page.get_by_role("link", name="On the plan pro").click()
    assert '"trait"' in page.get_by_label("Rules").input_value()
    page.get_by_label("Rules").fill('{"did": {"type": "purchase"}}')
    page.get_by_role("button", name="Count people").click()
    page.get_by_text("60 people meet these rules").wait_for()
    page.locator("#rules_name").fill("buyers")
    page.get_by_role("button", name="Save").click()
    row = page.locator(".segments tr", has_text="buyers")
    row.get_by_text("60").wait_for()
    row.get_by_role("link", name="buyers").click()
    page.get_by_role("link", name="Next page").click()
    page.get_by_role("link", name="First page").wait_for()
    assert page.locator(".people li").count() == 10


def test_a_file_that_is_too_large_is_not_sent(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/segments")
    file = {"name": "l.txt", "mimeType": "text/plain", "buffer": b"u1\n" * 1_000_000}
    page.locator("#list_name").fill("large")
    page.locator("#list_file").set_input_files(file)
    assert "at most" in page.locator("#list_file").evaluate("field => field.validationMessage")
    page.locator("#list_file").set_input_files(file | {"buffer": b"u1\n"})
    page.get_by_role("button", name="Upload").click()
    page.get_by_text("The segment large is saved").wait_for()


def test_a_list_is_downloaded_without_formulas(new_page: NewPage, made: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/segments/listed")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    assert download.value.suggested_filename == "listed.csv"
    assert "\n'=1+1\n" in download.value.path().read_text()


def test_a_plan_is_started_from_what_arrives(new_page: NewPage, stored: RunningSluice) -> None:
    page = new_page()
    page.goto("/p/default/plan")
    page.get_by_role("link", name="purchase", exact=True).click()
    page.get_by_role("link", name="Start from what arrives").click()
    assert '"amount"' in page.get_by_label("JSON Schema").input_value()
    page.get_by_label("What is done about events").select_option("off")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The plan is saved").wait_for()
    page.get_by_role("link", name="Take out of the plan").click()
    page.get_by_role("button", name="Take out").click()
    page.get_by_text("out of the plan").wait_for()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "options",
    [PHONE, {}, PHONE | {"color_scheme": "dark"}, {"color_scheme": "dark"}],
    ids=["phone", "desk", "dark phone", "dark"],
)
def test_pages_fit_and_hostile_texts_stay_texts(
    new_page: NewPage, made: RunningSluice, path: str, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    page.goto(f"/p/default/{path}", wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.title() != "owned"
    assert page.locator("img").count() == 0
    shows = path.startswith(("metrics", "segments/listed")) and path != "segments/listed/remove"
    assert not shows or "onerror=" in page.locator("main").inner_text()


@pytest.mark.parametrize("model", ADMIN)
def test_one_is_made_and_deleted_in_the_admin(new_page: NewPage, made: RunningSluice, model: str) -> None:
    page = new_page()
    page.goto(f"/admin/{model.replace('_', '/')}/add/")
    page.locator("#id_project").select_option(label="default")
    for field in ("name", "type"):
        if page.locator(f"#id_{field}").count():
            page.locator(f"#id_{field}").fill(f"by-hand-{field}" if field == "type" else "by_hand")
    for field, text in (("rules", '{"did": {}}'), ("schema", "{}")):
        if page.locator(f"#id_{field}").count():
            page.locator(f"#id_{field}").fill(text)
    if page.locator("#id_mode").count():
        page.locator("#id_mode").select_option("off")
    page.get_by_role("button", name="Save and continue editing").click()
    page.locator(".success").wait_for()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Yes, I’m sure").click()
    page.locator(".success").wait_for()
    page.goto("/admin/")
    assert page.locator("#recent-actions-module .deletelink").count() >= 1


def test_a_plan_as_a_whole_is_changed_in_the_admin_and_never_deleted(
    new_page: NewPage, stored: RunningSluice
) -> None:
    page = new_page()
    page.goto("/p/default/plan")
    page.get_by_label("What is done about their events").select_option("warn")
    page.get_by_role("button", name="Save").click()
    page.locator(".notice").wait_for()
    page.goto("/admin/events/trackingplan/")
    page.locator("#result_list").get_by_role("link", name="default").click()
    assert page.locator("#id_unlisted").input_value() == "warn"
    assert page.get_by_role("link", name="Delete").count() == 0
    page.locator("#id_unlisted").select_option("allow")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".success").wait_for()
