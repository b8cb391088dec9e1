"""The page "Cameras": a tile for each source, live, whatever it is called and however it is."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from eventually import wait_until
from made_pictures import jpeg
from page_actions import is_sound, stays_put
from playwright.sync_api import Browser, Page, expect
from real_model_server import ModelServer
from running_client import RunningClient

pytestmark = pytest.mark.browser
HOSTILE = '"><img src=x onerror="document.title=1">.jpg'


@pytest.fixture
def client(models: ModelServer, tmp_path: Path) -> Iterator[RunningClient]:
    pictures = tmp_path / "gate"
    pictures.mkdir()
    running = RunningClient(models.url, tmp_path / "client.log", pictures, "http://127.0.0.1:9/lost.jpg")
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_each_source_has_a_tile_with_its_last_picture_and_a_lost_one_says_when_it_is_tried_again(
    browser: Browser, client: RunningClient, tmp_path: Path
) -> None:
    page: Page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{client.url}/cameras")
    gate, lost = page.locator(".tile").first, page.locator(".tile").nth(1)
    expect(lost.locator(".state")).to_have_text(re.compile(r"lost since .*, tries again (in \d+ s|now)"))
    expect(page.locator("#history-said")).to_be_visible()
    stays_put(page)
    (tmp_path / "gate" / HOSTILE).write_bytes(jpeg("red", size=(90, 120)))
    expect(gate.locator(".answers-of strong")).to_have_text(["red", "red"])
    expect(gate.locator(".state")).to_contain_text("watching since")
    image = gate.locator("img")
    expect(image).to_have_attribute("alt", re.compile("onerror="))
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=image.element_handle())
    (tmp_path / "gate" / "next.jpg").write_bytes(jpeg("blue", size=(90, 120)))
    expect(gate.locator(".answers-of strong")).to_have_text(["blue", "blue"])
    asked = f"{client.url}/api/history?label=RED"
    wait_until(lambda: len(page.request.get(asked).json()["entries"]) == 2)
    page.get_by_label("Label has").fill("RED")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#history-rows strong")).to_have_text(["red", "red"])
    assert page.title().endswith("Car classifier")
    is_sound(page)
    page.close()
