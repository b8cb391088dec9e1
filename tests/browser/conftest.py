"""A real model server with tiny models, `car-client serve` in front of it, and Chromium looking at it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_models import put_version, whole_number_model, write_config
from playwright.sync_api import Browser, Page, expect, sync_playwright
from real_model_server import ModelServer
from running_client import RunningClient

CHROMIUM_FLAGS = (
    "--no-sandbox",  # CI runs as root in a container, where Chromium's own sandbox cannot start
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)

PATIENCE_MS = 60_000
"""How long a condition may take to come about; far more than it does on a machine that is not shared."""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def models(tmp_path: Path) -> Iterator[ModelServer]:
    """Serves `near` and `far`, which tell the strongest colour of a picture."""
    repository = tmp_path / "models"
    put_version(repository, "near", 1, whole_number_model())
    put_version(repository, "near", 2, whole_number_model(size=20))
    put_version(repository, "far", 1, whole_number_model(size=32))
    write_config(repository, {"near": [1], "far": [1]})
    server = ModelServer(repository)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def client(models: ModelServer, tmp_path: Path) -> Iterator[RunningClient]:
    running = RunningClient(models.url, tmp_path / "client.log")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise AssertionError("there is no chromium; install it: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        yield started
        started.close()


class Told:
    """What the browser complains of while a page is open."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        self._expected: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))

    def expect(self, part: str) -> None:
        """Complaints with `part` belong to the test's story."""
        self._expected.append(part)

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(part in text for part in self._expected)]


@pytest.fixture
def page(browser: Browser, client: RunningClient) -> Iterator[Page]:
    """The page, loaded, with the server known; fails the test when the browser complains of anything."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"])
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    # Chromium opens a real dialog when Playwright began to listen only just before the click that asks.
    opened.on("filechooser", lambda _: None)
    told = Told(opened)
    # A refused or lost request is written to the console by Chromium itself; tests assert what the page says.
    told.expect("Failed to load resource")
    opened.goto(client.url)
    opened.locator("#server[data-state=up]").wait_for()
    yield opened
    context.close()
    assert told.unexpected() == []
