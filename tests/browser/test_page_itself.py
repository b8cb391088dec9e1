"""How the page looks and behaves, whatever is classified."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_actions import picture, upload, verdicts
from playwright.sync_api import Browser, Page, expect
from running_client import RunningClient

pytestmark = pytest.mark.browser


def test_the_colours_can_be_chosen_and_are_kept(page: Page) -> None:
    page.get_by_role("button", name="Colours: as the system").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_accessibility_checker_finds_nothing(page: Page, scheme: str) -> None:
    page.evaluate("scheme => { document.documentElement.dataset.theme = scheme; }", scheme)
    upload(page, picture("red"))
    verdicts(page, "red", "red")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_cut_off_or_scrolls_sideways(page: Page, width: int, tmp_path: Path) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    upload(page, picture("red", "a-very-long-name-without-any-place-to-break-it-" * 3 + ".jpg"))
    verdicts(page, "red", "red")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.locator("button:visible, select:visible").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 24, "smaller than WCAG's target size"
    page.screenshot(path=tmp_path / f"{width}.png", full_page=True)


def test_on_paper_there_is_the_picture_and_what_was_said_of_it(page: Page) -> None:
    upload(page, picture("red"))
    verdicts(page, "red", "red")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("#preview")).to_be_visible()
    expect(page.locator(".answer .verdict").first).to_be_visible()
    expect(page.locator("#models-table")).to_be_hidden()
    expect(page.locator("button:visible")).to_have_count(0)
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(22, 32, 31)", "dark ink"


def test_nothing_moves_for_those_who_asked_for_less_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    upload(page, picture("red"))
    verdicts(page, "red", "red")
    page.evaluate("document.querySelector('#models tr').classList.add('changed')")
    page.evaluate("document.getElementById('progress').hidden = false")
    assert page.evaluate("document.getAnimations().filter((a) => a.animationName !== 'late').length") == 0


def test_an_answer_moves_nothing_that_is_looked_at(browser: Browser, client: RunningClient) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(
        """window.shift = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    page.goto(client.url)
    page.locator("#server[data-state=up]").wait_for()
    upload(page, picture("red"))
    verdicts(page, "red", "red")
    assert page.evaluate("window.shift") < 0.1, "more than what web.dev calls good"
    page.close()


def test_the_policy_stops_scripts_that_are_not_the_pages_own(browser: Browser, client: RunningClient) -> None:
    page = browser.new_page()
    page.goto(client.url)
    violated = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
            const script = document.createElement("script");
            script.textContent = "window.injected = true";
            document.head.append(script);
        })"""
    )
    assert violated.startswith("script-src")
    assert page.evaluate("window.injected") is None
    page.close()


def test_the_api_page_describes_every_route(page: Page, client: RunningClient) -> None:
    page.goto(f"{client.url}/docs")
    expect(page.locator("#operations")).to_contain_text("/api/classify")
    expect(page.locator("#operations")).to_contain_text("/api/events")
