"""How a person gets a picture classified, and what is said when it cannot be."""

import re
from pathlib import Path

import numpy as np
import pytest
from image_models import MODEL_INFO, put_version, whole_number_model
from made_pictures import encoded, jpeg
from page_actions import picture, upload, verdicts
from playwright.sync_api import FilePayload, Page, expect
from real_model_server import ModelServer

pytestmark = pytest.mark.browser
RED = jpeg("red", size=(99, 99))


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


def test_the_models_are_compared_in_a_line(page: Page, models: ModelServer) -> None:
    upload(page, picture("red"))
    expect(page.locator(".agreement")).to_have_text("Both models say red")
    put_version(
        models.repository, "odd", 1, whole_number_model(info=MODEL_INFO | {"labels": "blue red green"})
    )
    models.serve(near=[1], far=[1], odd=[1])
    expect(page.locator(".agreement")).to_have_text("2 of 3 models say red")
    models.serve(near=[1])
    verdicts(page, "red")
    expect(page.locator(".agreement")).to_have_count(0)
    other = whole_number_model(info=MODEL_INFO | {"labels": "bus cab red"})
    put_version(models.repository, "other", 1, other)
    models.serve(near=[1], other=[1])
    expect(page.locator(".agreement")).to_have_text(
        "These models know different classes, so they are not compared"
    )


def test_from_four_models_on_there_is_a_table_and_what_is_not_sure_looks_so(
    page: Page, models: ModelServer
) -> None:
    for name in ("c", "d"):
        put_version(models.repository, name, 1, whole_number_model())
    doubting = whole_number_model(info=MODEL_INFO | {"confidence_threshold": "1.0"})
    put_version(models.repository, "doubts", 1, doubting)
    models.serve(doubts=[1])
    upload(page, picture("red"))
    verdicts(page, "not sure")
    expect(page.locator(".answer.unsure .bars li").first).to_contain_text("red")
    models.serve(near=[1], c=[1], d=[1], doubts=[1])
    table = page.get_by_role("table", name="What each model says")
    expect(table.locator("tbody tr")).to_have_count(4)
    expect(table.locator("tr[data-model=doubts]")).to_contain_text("not sure best guess red")
    expect(page.locator(".agreement")).to_have_text("3 of 4 models say red, 1 is not sure")


def test_several_pictures_are_all_answered_in_a_table_that_can_be_downloaded(page: Page) -> None:
    named = {"red": "=red.jpg", "green": "green.jpg", "blue": "blue.jpg"}
    notes: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"x"}
    page.locator("#file").set_input_files([*(picture(c, name) for c, name in named.items()), notes])
    expect(page.locator("#drop-hint")).to_have_text("4 of 4 done, 1 without an answer")
    rows = page.get_by_role("table", name="The pictures and their answers").locator("tbody tr")
    for row, colour in zip(rows.all(), named, strict=False):
        expect(row.locator("strong")).to_have_text([colour, colour])
    expect(rows.last).to_contain_text("notes.txt is not a picture")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download as CSV").click()
    lines = downloading.value.path().read_text().splitlines()
    assert lines[0] == "file,model,version,top1,sure,probability,error"
    assert [line.split(",")[:4] for line in lines[1:3]] == [
        ["'=red.jpg", "far", "1", "red"],
        ["'=red.jpg", "near", "1", "red"],
    ]
    assert len(lines) == 1 + 3 * 2 + 1


def test_a_request_that_fails_leaves_no_old_answer_and_is_sent_again(page: Page) -> None:
    upload(page, picture("red"))
    verdicts(page, "red", "red")
    failing = [502, 503]
    page.route(
        "**/api/classify", lambda route: route.fulfill(status=failing.pop()) if failing else route.continue_()
    )
    upload(page, picture("blue"))
    expect(page.get_by_role("alert")).to_contain_text("is sent again by itself")
    expect(page.locator(".answer")).to_have_count(0)
    verdicts(page, "blue", "blue")
    expect(page.get_by_role("alert")).to_be_hidden()
    assert failing == []


def test_a_phones_photo_is_made_smaller_before_it_is_sent(page: Page) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1500, 3000, 3)).astype(np.uint8)
    photo: FilePayload = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": encoded(noise, "JPEG")}
    upload(page, photo)
    expect(page.locator("#drop-hint")).to_have_text(
        re.compile(r"2048 .{1} 1024, [\d.]+ MB, shrunk from [\d.]+ MB, answered in \d+ ms")
    )


def test_an_address_is_not_fetched_unless_a_setting_allows_it(page: Page) -> None:
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.setData("text/uri-list", "http://camera/1.jpg");
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }"""
    )
    expect(page.get_by_role("alert")).to_contain_text("its setting PAGE_ADDRESSES is off")


def test_what_is_known_of_a_model_can_be_opened_with_the_keyboard(page: Page) -> None:
    row = page.locator("#models tr[data-model=near]")
    details = row.get_by_text("Pictures are prepared by stretch (linear) to 16")
    expect(details).to_be_hidden()
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(details).to_be_visible()


def test_a_large_picture_shows_how_much_of_it_was_sent(page: Page) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (600, 800, 3)).astype(np.uint8)
    large = encoded(noise)
    network = page.context.new_cdp_session(page)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": len(large)}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", limits)
    upload(page, {"name": "large.png", "mimeType": "image/png", "buffer": large})
    expect(page.locator("#drop-hint")).to_have_text(re.compile(r"1\.4 MB, [1-9]\d? % sent"))
    expect(page.get_by_role("progressbar", name="Sending the picture")).to_be_visible()
    expect(page.locator(".answer")).to_have_count(2)
    expect(page.locator("#progress")).to_be_hidden()


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


def test_an_example_is_classified_without_a_picture_of_ones_own(page: Page) -> None:
    examples = page.get_by_role("group", name="Or try a drawn one")
    expect(examples.get_by_role("button")).to_have_count(5)
    examples.get_by_role("button", name="School bus").press("Enter")
    expect(page.locator(".answer")).to_have_count(2)
    expect(page.locator("#drop-title")).to_have_text("school-bus.jpg")


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


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"x"}, "notes.txt is not a picture"),
        ({"name": "empty.jpg", "mimeType": "image/jpeg", "buffer": b""}, "empty.jpg is empty"),
        (
            {"name": "cut.jpg", "mimeType": "image/jpeg", "buffer": RED[:500]},
            "damaged",
        ),
    ],
    ids=["text", "empty", "cut"],
)
def test_a_bad_file_is_told_in_a_sentence_and_the_next_picture_works(
    page: Page, payload: FilePayload, sentence: str
) -> None:
    upload(page, payload)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    upload(page, picture("green"))
    verdicts(page, "green", "green")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_file_with_too_many_bytes_is_refused_before_it_is_sent(page: Page, tmp_path: Path) -> None:
    huge = tmp_path / "huge.jpg"
    huge.write_bytes(b"\xff" * 34_000_000)
    page.locator("#file").set_input_files(huge)
    expect(page.get_by_role("alert")).to_have_text("huge.jpg has 34.0 MB; at most 33.6 MB are accepted.")


def test_a_picture_of_a_hundred_megapixels_is_refused_clearly(page: Page) -> None:
    bomb = encoded(np.zeros((10_000, 10_000), np.bool_))
    upload(page, {"name": "bomb.png", "mimeType": "image/png", "buffer": bomb})
    expect(page.get_by_role("alert")).to_contain_text("too many pixels; at most 50000000")
