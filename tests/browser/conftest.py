"""A chromium, and pages in it that notice everything that goes wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.instance import RunningSluice

playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_ARGUMENTS += ["--disable-component-update", "--disable-sync"]
#: Refusals of the content security policy, whether the console reports them or not.
_WATCH_POLICY = (
    "addEventListener('securitypolicyviolation',"
    " event => console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI))"
)
NewPage = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, by name, what needs a browser that is not there."""
    if CHROMIUM:
        return
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.skip(reason="chromium is not installed"))


@pytest.fixture(scope="module")
def sluice() -> Iterator[RunningSluice]:
    with RunningSluice() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def cookies(browser: Any, sluice: RunningSluice) -> Any:
    """The state of a browser in which the administrator is logged in."""
    context = browser.new_context(base_url=sluice.base_url)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("User name").fill(sluice.keys["admin_user"])
    page.get_by_label("Password").fill(sluice.keys["admin_password"])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/p/default/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def faults() -> list[str]:
    """What went wrong in the test's pages. A test that provokes something clears it."""
    return []


@pytest.fixture
def new_page(browser: Any, sluice: RunningSluice, cookies: Any, faults: list[str]) -> Iterator[NewPage]:
    """Open pages of a logged-in administrator; `faults` must be empty in the end."""
    contexts = []

    def opened(**options: Any) -> Any:
        defaults = {
            "base_url": sluice.base_url,
            "storage_state": cookies,
            "viewport": {"width": 1280, "height": 900},
        }
        context = browser.new_context(**(defaults | options))
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(_WATCH_POLICY)
        _note_faults(page, faults)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults


def _note_faults(page: Any, faults: list[str]) -> None:
    page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on(
        "response",
        lambda answer: faults.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
    )
