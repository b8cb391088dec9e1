# ruff: noqa: INP001 - a script beside what it makes, no package
"""Makes the pictures of the README: the whole platform on this machine, seen through Chromium.

    python client-container/docs/make_screenshots.py [models]

`models` holds what `car-models build` wrote. Needs chromium.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from secrets import token_hex

from edge_stack.components import program
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
VIEWS = {"page": (1280, 900, "light"), "page-dark": (1280, 900, "dark"), "page-phone": (360, 780, "light")}
OPERATOR_VIEWS = {"models": "li[data-state=rejected]", "cameras": ".tile .answers-of li"}
"""Each page's path, and what it shows once it is ready."""
TOKEN = token_hex()
MODELS = ("effnet_lite0_car_onnx", "effnet_lite2_car_openvino")


def main() -> None:
    """Start everything, classify two pictures, take the pictures."""
    models = Path(sys.argv[1] if len(sys.argv) > 1 else "models")
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("there is no chromium; install it: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures = root / "demo-pictures"
        # drawn ones only: they are the project's own, while the photos come under another licence
        drawing = [program("car-models"), "pictures", "--out", str(pictures), "--photos", "none", "--json"]
        subprocess.run(drawing, check=True, stdout=subprocess.DEVNULL)
        shown = pictures / "drawn-fire-engine.jpg"
        options = StackOptions(
            root=root / "stack", store=StoreKind.EMBEDDED, sidecar_settings={"API_TOKEN": TOKEN}
        )
        with Stack(options) as stack:
            stack.start_all()
            for model in MODELS:
                stack.push(models / model / "1", model=model, version=1)
            for model in MODELS:
                stack.wait_version(model, 1, "serving", within=60)
            for picture in sorted(pictures.glob("*.jpg"))[:4]:
                shutil.copy(picture, stack.folder.pictures)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                for name, (width, height, scheme) in VIEWS.items():
                    page = browser.new_page(viewport={"width": width, "height": height})
                    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                    _classify(page, stack.ports.page_url, shown)
                    _save_small(page.screenshot(), HERE / f"{name}.png")
                    page.close()
                _show_operator(browser, stack)
                _show_step_back(browser, stack, models / MODELS[0] / "1")
                browser.close()


def _show_operator(browser: Browser, stack: Stack) -> None:
    """The pages for operators, with an upload that is not fit to serve."""
    broken = stack.folder.root / "broken"
    broken.mkdir()
    (broken / "model.onnx").write_bytes(b"cut off while it was copied")
    stack.push(broken, model=MODELS[0], version=2)
    stack.wait_version(MODELS[0], 2, "rejected", within=60)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    for name, ready in OPERATOR_VIEWS.items():
        page.goto(f"{stack.ports.page_url}/{name}")
        page.locator(ready).first.wait_for()
        page.wait_for_timeout(500)  # the picture arrives
        _save_small(page.screenshot(), HERE / f"{name}.png")
    page.close()


def _show_step_back(browser: Browser, stack: Stack, files: Path) -> None:
    """The page "Models" once somebody has gone back to the version before."""
    stack.push(files, model=MODELS[0], version=3)
    stack.wait_version(MODELS[0], 3, "serving", within=60)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{stack.ports.page_url}/models")
    page.get_by_label("Your name").fill("Anna")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Allow changes in this tab").click()
    page.get_by_role("button", name=f"Pin {MODELS[0]} version 1").click()
    page.get_by_label("Why, for the history").fill("3 sees cars everywhere")
    page.get_by_role("button", name="Pin it").click()
    page.locator("#timeline li", has_text="rolled back").wait_for()
    page.get_by_label("Model", exact=True).fill(MODELS[0])
    page.wait_for_timeout(500)
    _save_small(page.screenshot(full_page=True), HERE / "models-pinned.png")
    page.close()


def _save_small(screenshot: bytes, path: Path) -> None:
    """With 256 colours, a third of the bytes; nobody sees the difference in a README."""
    Image.open(io.BytesIO(screenshot)).quantize(256).save(path, optimize=True)


def _classify(page: Page, url: str, picture: Path) -> None:
    page.goto(url)
    page.locator("#server[data-state=up]").wait_for()
    page.locator("#models tr").nth(1).wait_for()
    page.locator("#file").set_input_files(picture)
    page.locator(".answer").nth(1).wait_for()
    page.locator("#recent li").nth(3).wait_for()
    page.wait_for_timeout(500)  # bars grow for a moment, thumbnails arrive


if __name__ == "__main__":
    main()
