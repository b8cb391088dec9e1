"""How long a person waits in Chromium: for the page, and for the answer to an upload."""

import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import sync_playwright


@dataclass(frozen=True)
class PageTimes:
    """Milliseconds."""

    first_load: float
    """From the navigation to the models shown, without any cache."""
    upload_to_answer: float
    """Median, from choosing a file to the answers of all models shown."""


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
        browser.close()
    return PageTimes(first_load, statistics.median(times))
