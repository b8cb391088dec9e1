# ruff: noqa: INP001 - a script beside what it makes, no package
"""Makes swap.png for the README: the chart of a version exchanged under load, from the report of `make demo`.

    make demo && .venv/bin/python docs/make_swap_chart.py [demo-report.html]

Needs chromium.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

_TO = Path(__file__).with_name("swap.png")
_WIDTH = 1000


def main() -> None:
    """Open the report as a reader does and keep the one chart."""
    report = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-report.html")
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("there is no chromium; install it: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": _WIDTH, "height": 800})
        page.emulate_media(color_scheme="light")
        page.goto(report.resolve().as_uri())
        chart = page.locator("svg.chart").screenshot()
        browser.close()
    Image.open(io.BytesIO(chart)).quantize(64).save(_TO, optimize=True)


if __name__ == "__main__":
    main()
