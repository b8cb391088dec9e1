"""What a person with a picture sees and does."""

import re
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from made_pictures import encoded, jpeg
from playwright.sync_api import Browser, FilePayload, Page, expect
from real_model_server import ModelServer

from browser.conftest import RunningClient

RED = jpeg("red", size=(99, 99))
pytestmark = pytest.mark.browser


def picture(colour: str, name: str = "car.jpg") -> FilePayload:
    return {"name": name, "mimeType": "image/jpeg", "buffer": jpeg(colour, size=(90, 120))}


def upload(page: Page, payload: FilePayload) -> None:
    page.locator("#file").set_input_files(payload)


def verdicts(page: Page, *expected: str) -> None:
    expect(page.locator(".answer .verdict")).to_have_text(list(expected))


def mark(page: Page) -> None:
    """A reload would lose this mark."""
    page.evaluate("window.sameDocument = true")


def is_the_same_document(page: Page) -> bool:
    return bool(page.evaluate("window.sameDocument === true"))


def test_an_uploaded_picture_is_answered_by_every_model_side_by_side(page: Page) -> None:
    upload(page, picture("red", "my car.jpg"))
    verdicts(page, "red", "red")
    expect(page.locator(".answer h3")).to_have_text(["far", "near"])
    first = page.locator(".answer").first
    expect(first.locator(".bars li")).to_have_count(3)
    for part in ("decode", "preprocess", "request"):
        expect(first.locator(f".legend .{part}")).to_have_text(re.compile(rf"{part} [\d.]+ ms"))
    expect(page.locator("#drop-title")).to_have_text("my car.jpg")
    expect(page.locator("#drop-hint")).to_have_text(re.compile(r"120 .{1} 90, .* answered in \d+ ms"))


def test_the_recent_list_grows_by_itself_with_everybodys_inferences(
    page: Page, client: RunningClient
) -> None:
    answer = page.request.post(
        f"{client.url}/api/classify?name=elsewhere.jpg&model=near",
        data=jpeg("green"),
        headers={"Content-Type": "image/jpeg"},
    )
    assert answer.ok
    newest = page.locator("#recent li").first
    expect(newest).to_contain_text("green")
    expect(newest).to_contain_text("elsewhere.jpg")
    image = newest.locator("img")
    image.scroll_into_view_if_needed()
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=image.element_handle())


def test_one_model_may_be_chosen(page: Page) -> None:
    page.get_by_label("Model", exact=True).select_option("far")
    upload(page, picture("blue"))
    verdicts(page, "blue")
    page.get_by_label("Model", exact=True).select_option("")
    verdicts(page, "blue", "blue")


def test_a_picture_may_be_dropped_anywhere(page: Page) -> None:
    page.evaluate(
        """async (bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", { type: "image/jpeg" }));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }""",
        list(jpeg("green")),
    )
    verdicts(page, "green", "green")


def test_the_camera_takes_a_picture_that_is_classified(page: Page) -> None:
    page.get_by_role("button", name="Use the camera").click()
    dialog = page.get_by_role("dialog", name="Camera")
    expect(dialog).to_be_visible()
    page.wait_for_function("() => document.getElementById('video').videoWidth > 0")
    dialog.get_by_role("button", name="Take the picture").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".answer")).to_have_count(2)
    expect(page.locator("#drop-title")).to_contain_text("camera")
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_everything_can_be_done_with_the_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to classifying")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_attribute("id", "model")
    page.keyboard.press("Tab")
    with page.expect_file_chooser() as choosing:
        page.keyboard.press("Enter")
    choosing.value.set_files(picture("red"))
    verdicts(page, "red", "red")
    expect(page.locator("#summary")).to_contain_text("near says red")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Camera")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Camera")).to_be_hidden()
    expect(page.get_by_role("button", name="Use the camera")).to_be_focused()


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


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"x"}, "notes.txt is not a picture"),
        ({"name": "empty.jpg", "mimeType": "image/jpeg", "buffer": b""}, "Empty.jpg is empty"),
        (
            {"name": "cut.jpg", "mimeType": "image/jpeg", "buffer": RED[:500]},
            "damaged",
        ),
        ({"name": "huge.jpg", "mimeType": "image/jpeg", "buffer": b"\xff" * 34_000_000}, "at most 33.6 MB"),
    ],
    ids=["text", "empty", "cut", "huge"],
)
def test_a_bad_file_is_told_in_a_sentence_and_the_next_picture_works(
    page: Page, payload: FilePayload, sentence: str
) -> None:
    upload(page, payload)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    upload(page, picture("green"))
    verdicts(page, "green", "green")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_picture_of_a_hundred_megapixels_is_refused_clearly(page: Page) -> None:
    bomb = encoded(np.zeros((10_000, 10_000), np.bool_))
    upload(page, {"name": "bomb.png", "mimeType": "image/png", "buffer": bomb})
    expect(page.get_by_role("alert")).to_contain_text("too many pixels; at most 50000000")


def test_a_new_version_and_a_new_model_are_seen_and_answer_without_a_reload(
    page: Page, models: ModelServer
) -> None:
    upload(page, picture("red"))
    verdicts(page, "red", "red")
    mark(page)
    near = page.locator(".answer[data-model=near]")
    expect(near).to_have_attribute("data-version", "1")
    models.serve(near=[2])
    expect(near).to_have_attribute("data-version", "2")
    expect(page.locator("#models tr[data-model=near]")).to_contain_text("2")
    expect(page.locator(".answer[data-model=far]")).to_have_count(0)
    models.serve(near=[2], far=[1])
    verdicts(page, "red", "red")
    assert is_the_same_document(page)


def test_the_model_server_may_go_and_come_back_and_the_picture_is_answered_then(
    page: Page, models: ModelServer
) -> None:
    mark(page)
    models.stop()
    expect(page.locator("#server")).to_have_attribute("data-state", "away")
    upload(page, picture("blue"))
    expect(page.get_by_role("alert")).to_contain_text("sent again as soon as it can be answered")
    models.start()
    verdicts(page, "blue", "blue")
    expect(page.locator("#server")).to_have_attribute("data-state", "up")
    expect(page.get_by_role("alert")).to_be_hidden()
    assert is_the_same_document(page)


def test_the_client_itself_may_restart_under_an_open_page(page: Page, client: RunningClient) -> None:
    upload(page, picture("blue"))
    verdicts(page, "blue", "blue")
    mark(page)
    assert client.stop() == 0
    expect(page.locator("#server")).to_contain_text("This page's server is away")
    upload(page, picture("green"))
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    client.start()
    verdicts(page, "green", "green")
    expect(page.locator("#server")).to_have_attribute("data-state", "up")
    assert is_the_same_document(page)


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
