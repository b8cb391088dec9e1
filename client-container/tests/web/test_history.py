"""What programs and the page read of the history, over HTTP."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from car_client.history.history import History
from car_client.web.app import create_app
from edge_common.http_server import ThreadedHttpServer
from eventually import wait_until
from made_pictures import jpeg
from page_client import PageClient


@pytest.fixture
def asked(page: PageClient) -> PageClient:
    """A page whose people have sent two pictures to two models."""
    for colour in ("red", "green"):
        assert page.post(
            f"/api/classify?name={colour}%20%3D1.jpg",
            data=jpeg(colour),
            headers={"Content-Type": "image/jpeg"},
        ).ok
    wait_until(lambda: len(page.get("/api/history").json()["entries"]) == 4)
    return page


@contextmanager
def behind(page: PageClient, history: History | None) -> Iterator[PageClient]:
    """The same page with another history, or none."""
    page.gateway.history = history
    with ThreadedHttpServer(create_app(page.gateway), host="127.0.0.1", port=0) as http:
        yield PageClient(page.gateway, f"http://127.0.0.1:{http.port}")


@pytest.mark.usefixtures("served")
def test_every_answer_is_kept_and_read_page_by_page(asked: PageClient) -> None:
    document = asked.get("/api/history?limit=3").json()
    assert (document["kept"], document["sentence"]) == (True, "")
    assert [entry["label"] for entry in document["entries"]] == ["green", "green", "red"]
    newest = document["entries"][0]
    assert (newest["source"], newest["picture"], newest["version"]) == ("page", "green =1.jpg", 1)
    small = asked.get(newest["thumbnail"])
    assert (small.headers["Content-Type"], small.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert {asked.get(f"/api/history/{number}.jpg").status_code for number in ("99", "x", "9" * 30)} == {404}
    rest = asked.get(f"/api/history?limit=3&before={document['next']}").json()
    assert ([entry["label"] for entry in rest["entries"]], rest["next"]) == (["red"], None)
    found = asked.get(
        "/api/history?label=GREEN&model=a&source=page&min_probability=0.1&since=2026-01-01"
    ).json()
    assert [(entry["label"], entry["model"]) for entry in found["entries"]] == [("green", "a")]
    assert asked.get("/api/history?until=2026-01-01&label=").json()["entries"] == []


@pytest.mark.usefixtures("served")
def test_the_same_comes_as_a_table(asked: PageClient) -> None:
    answer = asked.get("/api/history.csv?model=a")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="history.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["model"], row["label"]) for row in rows] == [("a", "green"), ("a", "red")]


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("limit=0", "from 1 to 500"),
        ("limit=9999999999999999999", "from 1 to 500"),
        ("before=-1", "`next` of an earlier answer"),
        ("before=9999999999999999999", "`next` of an earlier answer"),
        ("since=soon", "since: 'soon' is no time"),
        ("min_probability=much", "a number from 0 to 1"),
        ("min_probability=nan", "a number from 0 to 1"),
    ],
)
def test_a_wrong_question_is_told(page: PageClient, query: str, part: str) -> None:
    answer = page.get(f"/api/history?{query}")
    assert (answer.status_code, part in answer.json()["error"]) == (400, True)


def test_names_of_strangers_are_not_answered(page: PageClient) -> None:
    for path in ("/api/history", "/api/history.csv"):
        assert page.get(path, headers={"Host": "evil.example.com"}).status_code == 421


def test_what_cannot_be_read_is_told_and_begun_anew(page: PageClient, tmp_path: Path) -> None:
    broken = History(tmp_path / "broken.sqlite", max_bytes=1 << 20, max_age=86400)
    broken.path.write_bytes(b"no database" * 500)
    with behind(page, broken) as bare:
        for path in ("/api/history", "/api/history.csv"):
            answer = bare.get(path)
            assert (answer.status_code, "no history that can be read" in answer.json()["error"]) == (
                503,
                True,
            )
        with broken:
            wait_until(lambda: bare.get("/api/history").ok)
        assert "began anew" in bare.get("/api/history").json()["sentence"]


def test_without_a_history_the_page_says_how_to_have_one(page: PageClient) -> None:
    with behind(page, None) as bare:
        document = bare.get("/api/history").json()
        assert (document["kept"], document["entries"]) == (False, [])
        assert "CAR_CLIENT_HISTORY" in document["sentence"]
        assert bare.get("/api/history.csv").status_code == 404
