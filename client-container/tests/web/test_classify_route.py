"""`POST /api/classify`: what is accepted, what is answered, what is refused and how."""

from typing import Any

import pytest
from car_client.web.gateway import MOST_UPLOADS
from fake_kserve import FakeKServe, FakeModel
from made_pictures import encoded, jpeg, plain
from page_client import PageClient

RED = jpeg("red")


@pytest.mark.usefixtures("served")
def test_a_picture_in_the_body_is_answered_by_every_model(page: PageClient) -> None:
    answer = page.send(RED)
    assert answer.status_code == 200
    document = answer.json()
    assert (document["image"], document["width"], document["height"]) == ("p.jpg", 16, 12)
    assert [(result["model"], result["top1"]) for result in document["results"]] == [
        ("a", "red"),
        ("b", "red"),
    ]
    assert document["failed"] == []
    assert set(document["results"][0]["timings_ms"]) == {"decode", "preprocess", "request"}


def test_models_that_know_the_same_classes_are_told(served: FakeKServe, page: PageClient) -> None:
    labels = {"a": ["blue", "green", "red"], "b": ["red", "green", "blue"], "c": ["x", "y", "z"]}
    served.models |= {"c": FakeModel(), "d": FakeModel()}
    served.cards = {name: {"schema": 1, "output": {"labels": known}} for name, known in labels.items()}
    page.gateway.follower.refresh()
    sets = {result["model"]: result["label_set"] for result in page.send(RED).json()["results"]}
    assert sets["a"] == sets["b"] != sets["c"]
    assert sets["d"] is None


@pytest.mark.usefixtures("served")
def test_a_form_chooses_model_and_number_of_classes(page: PageClient) -> None:
    files = {"image": ("car.png", encoded(plain("blue")), "image/png")}
    document = page.post(files=files, data={"model": "b", "top_k": "2"}).json()
    [result] = document["results"]
    assert (document["image"], result["model"], result["top1"]) == ("car.png", "b", "blue")
    assert len(result["predictions"]) == 2


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"", 415, "p.jpg is empty"),
        (b"not a picture", 415, "p.jpg is not a picture"),
        (jpeg("red", size=(60, 60))[:400], 415, "p.jpg is incomplete or damaged"),
        (jpeg("red", size=(300, 300)), 413, "p.jpg has 300x300 pixels; at most 50000"),
        (b"\xff" * 200_001, 413, "more than 195.3 KiB"),
    ],
    ids=["empty", "text", "cut", "pixels", "bytes"],
)
def test_what_is_no_acceptable_picture_gets_a_4xx_with_a_sentence(
    page: PageClient, content: bytes, status: int, sentence: str
) -> None:
    answer = page.send(content)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("query", "kind", "status", "sentence"),
    [
        ("&model=cats", "image/jpeg", 404, "no model 'cats'; it serves: a, b"),
        ("&top_k=0", "image/jpeg", 400, "top_k is '0'"),
        ("&top_k=" + "9" * 5000, "image/jpeg", 400, "top_k is '999"),
        ("", "text/plain", 415, "the body is said to be text/plain"),
        ("", "multipart/form-data; boundary=x", 400, "the form"),
    ],
)
def test_a_wrong_request_gets_a_4xx_with_a_sentence(
    page: PageClient, query: str, kind: str, status: int, sentence: str
) -> None:
    answer = page.send(RED, query, kind)
    assert (answer.status_code, sentence in answer.json()["error"]) == (status, True)


def test_a_form_without_a_file_is_refused(page: PageClient) -> None:
    answer = page.post(files={"model": (None, "a")})
    assert (answer.status_code, "has no file" in answer.json()["error"]) == (400, True)


def test_a_body_without_a_length_is_bounded_too(page: PageClient) -> None:
    answer = page.post(
        data=iter([b"\xff" * 50_000] * 5), headers={"Content-Type": "application/octet-stream"}
    )
    assert answer.status_code == 413


def test_a_model_that_is_no_classifier_is_refused_by_name(served: FakeKServe, page: PageClient) -> None:
    served.models["odd"] = FakeModel(shape=(1, 5, 5, 5))
    answer = page.send(RED, "&model=odd")
    assert (answer.status_code, "model odd version 1 cannot be used" in answer.json()["error"]) == (422, True)


def test_one_failing_model_harms_no_other(served: FakeKServe, page: PageClient) -> None:
    served.faults.append((500, "Internal inference error"))
    document = page.send(RED).json()
    assert len(document["results"]) == len(document["failed"]) == 1
    assert "Internal inference error" in document["failed"][0]["error"]


@pytest.mark.parametrize(("fault", "status"), [((500, "broken"), 502), ((400, "wrong"), 502), ("cut", 503)])
def test_a_model_server_that_fails_is_a_5xx(
    served: FakeKServe, page: PageClient, fault: Any, status: int
) -> None:
    served.faults.extend([fault, fault])
    assert page.send(RED, "&model=b").status_code == status


def test_without_a_model_the_sentence_says_so(page: PageClient) -> None:
    answer = page.send(RED)
    assert (answer.status_code, "no model to classify with" in answer.json()["error"]) == (503, True)
    assert answer.headers["Retry-After"] == "1"


def test_more_uploads_than_can_be_held_are_told_to_come_back(page: PageClient) -> None:
    page.gateway.uploads = MOST_UPLOADS
    assert page.send(RED).status_code == 503
