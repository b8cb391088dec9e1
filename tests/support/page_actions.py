"""What the browser tests do with the page again and again."""

from axe_playwright_python.sync_playwright import Axe
from made_pictures import jpeg
from playwright.sync_api import FilePayload, Page, expect

MOST_MOVED = 0.1
"""Of a cumulative layout shift; what web.dev calls good."""


def picture(colour: str, name: str = "car.jpg") -> FilePayload:
    return {"name": name, "mimeType": "image/jpeg", "buffer": jpeg(colour, size=(90, 120))}


def upload(page: Page, payload: FilePayload) -> None:
    page.locator("#file").set_input_files(payload)


def verdicts(page: Page, *expected: str) -> None:
    expect(page.locator(".answer .verdict")).to_have_text(list(expected))


def stays_put(page: Page) -> None:
    """Nothing that a person sees has moved while the page was loaded, by the measure of Chromium."""
    moved = page.evaluate(
        "new Promise((done) => { let sum = 0; new PerformanceObserver((list) => {"
        "for (const entry of list.getEntries()) sum += entry.value; })"
        ".observe({ type: 'layout-shift', buffered: true }); setTimeout(() => done(sum)); })"
    )
    assert moved < MOST_MOVED


def is_sound(page: Page) -> None:
    """At the width of a phone and of a desk, in light and dark: nothing is cut off, axe finds nothing."""
    for width, scheme in ((360, "dark"), (1280, "light")):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("scheme => { document.documentElement.dataset.theme = scheme; }", scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
