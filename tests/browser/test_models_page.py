"""The page "Models" with the whole platform behind it: what becomes of uploads, and what is away."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import BUCKET, StoreKind
from image_models import put_version, whole_number_model
from page_actions import is_sound
from playwright.sync_api import Browser, Page, expect
from tiny_models import write_broken_model

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Store, sidecar, server and client, and a model `near` whose version 1 serves."""
    options = StackOptions(
        root=tmp_path / "stack", store=StoreKind.EMBEDDED, sidecar_settings={"POLL_INTERVAL": "1s"}
    )
    with Stack(options) as running:
        running.start_all()
        put_version(tmp_path, "near", 1, whole_number_model())
        running.push(tmp_path / "near" / "1", model="near", version=1)
        yield running


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(60_000)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(f"{stack.ports.page_url}/models")
    opened.locator(".model[data-model=near] li[data-state=serving]").wait_for()
    yield opened
    opened.close()
    assert complaints == []


def place(page: Page, name: str, state: str) -> None:
    expect(page.locator(f"#line [data-place={name}] .state")).to_have_attribute("data-state", state)


def test_uploads_are_followed_from_bucket_to_client_and_whatever_is_not_fit_or_away_is_seen(
    page: Page, stack: Stack, tmp_path: Path
) -> None:
    for name in ("bucket", "sidecar", "server", "client"):
        place(page, name, "up")
    expect(page.locator("#advice")).to_contain_text("Nothing to do: 1 model answers.")
    store = stack.store.client()
    store.put_object(BUCKET, f"{HOSTILE}/1/model.onnx", io.BytesIO(b"x"), 1)
    stack.push(write_broken_model(tmp_path / "broken"), model="near", version=2)
    near = page.locator(".model[data-model=near]")
    expect(near.locator("li[data-version='2']")).to_have_attribute("data-state", "rejected")
    expect(near.locator("header")).to_contain_text("Version 1 answers")
    advice = page.locator("#advice")
    expect(advice).to_contain_text(re.compile("near version 2 is not fit to serve: .* Version 1 answers"))
    expect(advice).to_contain_text("<img src=x onerror=")
    expect(page.locator("#timeline li").first).to_contain_text(re.compile("near 2|rejected"))
    assert page.locator("main img").count() == 0
    is_sound(page)
    what_is_away_is_seen(page, stack)


def what_is_away_is_seen(page: Page, stack: Stack) -> None:
    stack.component("server").stop()
    place(page, "server", "away")
    expect(page).to_have_title(re.compile("Away"))
    stack.component("store").stop()
    place(page, "bucket", "away")
    stack.component("sidecar").stop()
    place(page, "sidecar", "away")
    place(page, "bucket", "unknown")
    expect(page.locator("#advice")).to_contain_text("The sidecar does not answer: start it")
    expect(page.locator("#models-count")).to_contain_text("as last seen")
    is_sound(page)
    stack.component("client").stop()
    expect(page.locator("#server")).to_contain_text("This page's server is away")
    place(page, "client", "away")
