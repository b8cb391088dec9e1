"""What is said to be done next."""

from dataclasses import replace
from typing import Any

import pytest
from car_client.sidecar.follower import SidecarView
from car_client.web.platform.advice import advice
from car_client.web.platform.line import ServerFacts, line
from platform_values import seen, serving, version

UP = ServerFacts("http://server:8000", error=None, asked=True, usable=1)


def told(sidecar: SidecarView, server: ServerFacts = UP) -> list[tuple[str, str]]:
    return [(one["urgency"], one["sentence"]) for one in advice(sidecar, line(sidecar, server))]


def test_when_all_is_well_there_is_nothing_to_do() -> None:
    assert told(seen()) == [("good", "Nothing to do: 1 model answers.")]


@pytest.mark.parametrize(
    ("sidecar", "server", "urgency", "part"),
    [
        (SidecarView(None), UP, "busy", "Set CAR_CLIENT_SIDECAR_URL"),
        (replace(seen(), error="x"), UP, "bad", "The sidecar does not answer: start it"),
        (seen(cycle={"result": "error", "error": "x"}), UP, "bad", "The bucket cannot be listed"),
        (seen(), replace(UP, error="x"), "bad", "The model server does not answer"),
        (seen({}), UP, "busy", "model-sync push FOLDER"),
        (seen(notices=["the bucket is empty."]), UP, "busy", "the bucket is empty."),
    ],
    ids=["off", "sidecar", "bucket", "server", "no model", "notice"],
)
def test_what_is_amiss_comes_with_what_to_do(
    sidecar: SidecarView, server: ServerFacts, urgency: str, part: str
) -> None:
    first = told(sidecar, server)[0]
    assert (first[0], part in first[1]) == (urgency, True)


def test_each_version_that_waits_for_somebody_is_named_the_worst_first() -> None:
    beside = (
        version("2", "waiting", reason="waiting for model.bin, named by model.xml"),
        version("3", "rejected", reason="model.onnx is cut off."),
        version("4", "downloading"),
    )
    assert told(seen({"cars": serving("1", beside=beside)})) == [
        ("bad", "cars version 3 is not fit to serve: model.onnx is cut off. Version 1 answers meanwhile."),
        ("busy", "cars version 2 is waiting: waiting for model.bin, named by model.xml."),
        ("busy", "cars version 4 is on its way; nothing to do. Version 1 answers meanwhile."),
    ]


def test_of_many_sentences_the_rest_is_counted() -> None:
    many: dict[str, Any] = {f"m{n}": serving(beside=(version("1", "waiting"),)) for n in range(20)}
    sentences = told(seen(many))
    assert len(sentences) == 6
    assert sentences[-1][1] == "15 more: see the models below."


def test_what_waits_for_a_server_that_is_away_is_not_said_to_be_on_its_way() -> None:
    waiting = {"cars": serving(beside=(version("1", "activating"),))}
    away = seen(waiting, server={"state": "away"})
    assert [sentence for _, sentence in told(away, replace(UP, error="x"))] == [
        "The model server does not answer: start it, or read its log. Nothing is classified."
    ]
    assert told(seen(waiting)) == [
        ("busy", "cars version 1 is on its way; nothing to do. No version of it answers.")
    ]
