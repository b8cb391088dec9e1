"""What the browser tests do with the page again and again."""

from made_pictures import jpeg
from playwright.sync_api import FilePayload, Page, expect


def picture(colour: str, name: str = "car.jpg") -> FilePayload:
    return {"name": name, "mimeType": "image/jpeg", "buffer": jpeg(colour, size=(90, 120))}


def upload(page: Page, payload: FilePayload) -> None:
    page.locator("#file").set_input_files(payload)


def verdicts(page: Page, *expected: str) -> None:
    expect(page.locator(".answer .verdict")).to_have_text(list(expected))
