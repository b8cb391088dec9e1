"""The page "Models" with the whole platform behind it: what becomes of uploads, and what is away."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import BUCKET, StoreKind
from image_models import put_version, whole_number_model
from made_pictures import jpeg
from minio import Minio
from page_actions import is_sound
from playwright.sync_api import Browser, Page, expect
from tiny_models import write_broken_model

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
TOKEN = "a-token-of-sixteen-letters"
HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Store, sidecar, server and client, and a model `near` whose version 1 serves."""
    options = StackOptions(
        root=tmp_path / "stack",
        store=StoreKind.EMBEDDED,
        sidecar_settings={"POLL_INTERVAL": "1s", "API_TOKEN": TOKEN},
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
    expect(near.locator("li[data-version='1'] .proofs")).to_contain_text("Digest sha256:")
    advice = page.locator("#advice")
    expect(advice).to_contain_text(re.compile("near version 2 is not fit to serve: .* Version 1 answers"))
    expect(advice).to_contain_text("<img src=x onerror=")
    expect(page.locator("#timeline li").first).to_contain_text(re.compile("near 2|rejected"))
    assert page.locator("main img").count() == 0
    is_sound(page)
    expect(page.locator("#send-panel")).to_be_hidden()
    a_pin_is_asked_for_with_the_token(page)
    a_version_is_sent(page, tmp_path)
    what_the_bucket_lacks_is_removed_at_once(page, store)
    a_picture_is_sent_to_review_and_labelled(page, stack)
    what_is_away_is_seen(page, stack)


def a_pin_is_asked_for_with_the_token(page: Page) -> None:
    near, said = page.locator(".model[data-model=near]"), page.locator("#said")
    expect(near.get_by_role("button")).to_have_count(0)
    for token, answer in (("x" * 20, "MODEL_SYNC_API_TOKEN"), (TOKEN, "near is pinned to 1")):
        page.get_by_label("Your name").fill(f"Anna {HOSTILE}")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Allow changes in this tab").click()
        near.get_by_role("button", name="Pin near version 1").click()
        page.get_by_label("Why, for the history").fill("2 is not fit")
        page.get_by_role("button", name="Pin it").click()
        expect(said).to_contain_text(answer)
    expect(near.locator(".pin")).to_contain_text("Anna <img")
    expect(page.locator("#timeline li", has_text="pinned").first).to_contain_text("by Anna <img")
    is_sound(page)
    near.get_by_role("button", name="Take the pin away").click()
    page.get_by_label("Why, for the history").fill(f"over {HOSTILE}")
    is_sound(page)
    page.get_by_role("button", name="Take it away").click()
    expect(near.locator(".pin")).to_have_count(0)
    expect(page.locator("#timeline li", has_text="unpinned").first).to_contain_text("over <img")
    near.get_by_role("button", name="Try near version 2 again").click()
    expect(said).to_contain_text("near 2 is tried again now")


def a_version_is_sent(page: Page, tmp_path: Path) -> None:
    said, wanted = page.locator("#send-said"), page.get_by_label("Model", exact=True)
    wanted.fill("near")
    page.get_by_role("button", name="Send it").click()
    expect(said).to_contain_text("Choose the folder")
    hostile = tmp_path / "hostile.zip"
    with ZipFile(hostile, "w") as archive:
        archive.writestr(f"../{HOSTILE}", b"x")
    page.get_by_label("Or a zip of it").set_input_files(hostile)
    page.get_by_role("button", name="Send it").click()
    expect(said).to_contain_text(f"'../{HOSTILE}' is not unpacked: it contains the path element '..'")
    is_sound(page)
    put_version(tmp_path / "sent", "near", 7, whole_number_model(size=20))
    page.get_by_label("Folder with its files").set_input_files(tmp_path / "sent" / "near" / "7")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Send it").press("Enter")
    expect(said).to_contain_text("near version 3 is in the bucket")
    expect(page.locator("#send-progress")).to_be_hidden()
    near = page.locator(".model[data-model=near]")
    expect(near.locator("li[data-version='3']")).to_have_attribute("data-state", "serving")
    expect(page.locator("#timeline li", has_text="sent").first).to_contain_text("by Anna <img")


def what_the_bucket_lacks_is_removed_at_once(page: Page, store: Minio) -> None:
    for listed in list(store.list_objects(BUCKET, "near/3/", recursive=True)):
        store.remove_object(BUCKET, listed.object_name or "")
    near = page.locator(".model[data-model=near]")
    near.get_by_role("button", name="Remove what the bucket lacks of near version 3 now").click()
    expect(page.get_by_label("Why, for the history")).to_be_hidden()
    is_sound(page)
    page.get_by_role("button", name="Remove it").click()
    expect(page.locator("#said")).to_contain_text("what is missing in the bucket of near is removed")
    expect(near.locator("li[data-version='3']")).to_have_count(0)
    expect(near.locator("header")).to_contain_text("Version 1 answers")


def a_picture_is_sent_to_review_and_labelled(page: Page, stack: Stack) -> None:
    (stack.folder.pictures / f"{HOSTILE.replace('/', '')}.jpg").write_bytes(jpeg("red", size=(90, 120)))
    page.goto(f"{stack.ports.page_url}/cameras")
    page.get_by_role("button", name="Send the picture to review").click()
    item = page.locator("#reviews > li")
    expect(item.locator(".verdict-of")).to_contain_text("Sent by Anna <img")
    image = item.locator("img")
    page.wait_for_function(
        "image => image.complete && image.naturalWidth === 120", arg=image.element_handle()
    )
    item.get_by_label("It shows").fill("=1+1")
    item.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_contain_text("spreadsheets")
    item.get_by_label("It shows").fill("<b>red van")
    item.get_by_role("button", name="Save").click()
    expect(item.locator(".verdict-of")).to_contain_text("<b>red van, says Anna <img")
    is_sound(page)
    page.goto(f"{stack.ports.page_url}/models")


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
