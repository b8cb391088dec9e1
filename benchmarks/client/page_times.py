"""How long a person waits in Chromium for the pages and for the answer to an upload; what the pages weigh."""

import shutil
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PAGES: Mapping[str, str] = {"": "#models tr[data-model]", "models": ".model-list .model", "cameras": ".tile"}
"""Path -> what is there once the page shows what it is about."""
_LOADS = 5


@dataclass(frozen=True)
class PageLoad:
    """One page without any cache, the median of five loads; times in milliseconds."""

    bytes: int
    """As they came, headers and all."""
    first_paint: float
    """Of any content."""
    shown: float
    """What the page is about."""


@dataclass(frozen=True)
class PageTimes:
    """Milliseconds."""

    first_load: float
    """From the navigation to the models shown, without any cache."""
    upload_to_answer: float
    """Median, from choosing a file to the answers of all models shown."""
    pages: Mapping[str, PageLoad]
    """By path."""


def measure_page(url: str, picture: Path, *, uploads: int) -> PageTimes:
    """Load the page of `url` in a fresh browser and upload `picture` so many times."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        page.locator("#models tr[data-model]").first.wait_for()
        first_load = float(page.evaluate("performance.now()"))
        times = []
        for number in range(uploads):
            page.evaluate("document.getElementById('answers').replaceChildren()")
            page.evaluate("window.begin = performance.now()")
            name = {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": picture.read_bytes()}
            page.locator("#file").set_input_files(name)  # type: ignore[arg-type]  # a FilePayload
            page.wait_for_function("() => document.querySelector('.answer')", polling="raf")
            times.append(float(page.evaluate("performance.now() - window.begin")))
        pages = {path: _load(browser, f"{url}/{path}", shown) for path, shown in PAGES.items()}
        browser.close()
    return PageTimes(first_load, statistics.median(times), pages)


def _load(browser: Browser, url: str, shown: str) -> PageLoad:
    loads = [_load_once(browser, url, shown) for _ in range(_LOADS)]
    columns = zip(*loads, strict=True)
    size, paint, seen = (statistics.median(column) for column in columns)
    return PageLoad(int(size), paint, seen)


def _load_once(browser: Browser, url: str, shown: str) -> tuple[float, float, float]:
    context = browser.new_context()
    page, sizes = context.new_page(), list[float]()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(url)
    page.locator(shown).first.wait_for()
    seen = float(page.evaluate("performance.now()"))
    page.wait_for_load_state("load")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    context.close()
    return sum(sizes), float(paint), seen
