"""What an open page shows when models, servers and other people change something."""

import pytest
from made_pictures import jpeg
from page_actions import picture, upload, verdicts
from playwright.sync_api import Page, expect
from real_model_server import ModelServer
from running_client import RunningClient

pytestmark = pytest.mark.browser


def mark(page: Page) -> None:
    """A reload would lose this mark."""
    page.evaluate("window.sameDocument = true")


def is_the_same_document(page: Page) -> bool:
    return bool(page.evaluate("window.sameDocument === true"))


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
    newest.get_by_role("button", name="Open elsewhere.jpg, near").click()
    opened = page.get_by_role("dialog", name="elsewhere.jpg")
    expect(opened.locator(".bars li")).to_have_count(3)
    opened.get_by_role("button", name="Close").click()
    expect(opened).to_be_hidden()


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
    expect(page.get_by_role("alert")).to_contain_text("is sent again by itself")
    models.start()
    verdicts(page, "blue", "blue")
    expect(page.locator("#server")).to_have_attribute("data-state", "up")
    expect(page.get_by_role("alert")).to_be_hidden()
    assert is_the_same_document(page)


def test_an_outage_is_seen_in_the_tab_and_no_model_is_said_to_be_available(
    page: Page, models: ModelServer
) -> None:
    upload(page, picture("red"))
    verdicts(page, "red", "red")
    expect(page).to_have_title("red · Car classifier")
    icon = page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", "/static/icon.svg")
    states = page.locator("#models .state")
    expect(states).to_have_text(["available", "available"])
    models.stop()
    expect(page).to_have_title("Away · Car classifier")
    expect(icon).to_have_attribute("href", "/static/icon-away.svg")
    expect(states).to_have_text(["unknown", "unknown"])
    expect(page.locator("#models-count")).to_have_text("as last seen")
    models.start()
    expect(page).to_have_title("red · Car classifier")
    expect(states).to_have_text(["available", "available"])


def test_a_page_without_models_tells_how_to_upload_one_and_waits_with_the_picture(
    page: Page, models: ModelServer
) -> None:
    models.serve()
    expect(page.locator("#server")).to_have_text("Model server is up, no model yet")
    how_to = page.locator("#models-empty")
    expect(how_to).to_contain_text("model-sync push FOLDER --model NAME --version 1")
    upload(page, picture("green"))
    told = page.get_by_role("alert")
    expect(told).to_contain_text("no model to classify with")
    expect(told).to_have_attribute("data-kind", "waiting")
    models.serve(near=[1])
    verdicts(page, "green")
    expect(how_to).to_be_hidden()
    expect(told).to_be_hidden()


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
