"""What is known of a version as a bill of materials, held against the format's own schema."""

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from edge_common.errors import RejectedError
from model_sync.planning.evidence import AcceptanceFigures
from model_sync.upload.facts import bill_of_materials, chosen_version

DIGEST = "a" * 64
FIGURES = AcceptanceFigures(
    14, 13, 14, latency_ms=4.0, served="1", served_latency_ms=2.0, agreed=7, not_judged=""
)
CARD = {"schema": 1, "description": "28 kinds of vehicle", "output": {"labels": ["bus", "van"]}}
HOSTILE = '"><img src=x>\x1b[31m\u202e'


def row(source: str, local_version: int | None, state: str = "serving", **facts: Any) -> dict[str, Any]:
    digest = f"sha256:{DIGEST}" if local_version else None
    known = {"signature": None, "acceptance": None, "provenance": None, "bytes": 10, "files": 2}
    return {
        "source": source,
        "state": state,
        "local_version": local_version,
        "digest": digest,
        **known,
        **facts,
    }


def status(*rows: dict[str, Any], serving: tuple[int, ...] = (2,)) -> dict[str, Any]:
    return {"time": "2026-11-30T10:00:00.000Z", "models": {"cars": {"serving": serving, "versions": rows}}}


ALL: dict[str, Any] = {
    "signature": {"signer": "sha256:b", "key": "team.pem"},
    "acceptance": FIGURES.as_document(),
    "provenance": {"registry": "mlflow", "name": HOSTILE, "version": "7", "run": ""},
}


@pytest.mark.parametrize(
    ("facts", "card"),
    [({}, None), (ALL, CARD), ({"signature": "not signed"}, {"schema": 1}), ({"state": HOSTILE}, CARD)],
)
def test_the_document_is_what_the_format_asks_for(facts: dict[str, Any], card: dict[str, Any] | None) -> None:
    told = status(row("2", 2, **facts))
    text = json.dumps(bill_of_materials(told, "cars", chosen_version(told, "cars", ""), card))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text.isprintable(), "a terminal obeys none of it"


def test_all_that_is_known_of_a_version_is_in_it() -> None:
    told = status(row("2", 2, **ALL))
    [component] = bill_of_materials(told, "cars", chosen_version(told, "cars", ""), CARD)["components"]
    assert (component["name"], component["version"]) == ("cars", "2")
    assert component["hashes"] == [{"alg": "SHA-256", "content": DIGEST}]
    properties = {one["name"]: one["value"] for one in component["properties"]}
    assert properties["edgeai:signature:signer"] == "sha256:b"
    assert properties["edgeai:provenance:version"] == "7"
    assert "edgeai:provenance:run" not in properties
    metrics = component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    values = {one["type"]: one["value"] for one in metrics}
    assert values == {
        "top-1": "0.9286",
        "top-5": "1",
        "latency in ms": "4",
        "slowdown": "2",
        "agreement": "0.5",
    }
    assert component["modelCard"]["modelParameters"]["outputs"] == [{"format": "probabilities of 2 classes"}]


def test_the_same_answers_give_the_same_document() -> None:
    told = status(row("2", 2))
    first, again = (bill_of_materials(told, "cars", row("2", 2), None) for _ in range(2))
    assert first == again


def test_without_a_version_it_is_the_highest_that_serves() -> None:
    told = status(
        row("1", 1), row("2", 2), row("3", 3, "previous"), row("4", None, "downloading"), serving=(1, 2)
    )
    assert chosen_version(told, "cars", "")["source"] == "2"
    assert chosen_version(told, "cars", "3")["source"] == "3"


@pytest.mark.parametrize(
    ("model", "version", "why"),
    [
        ("dogs", "", "no model 'dogs' is known"),
        ("cars", "4", "version 4 of cars is not on the volume"),
        ("cars", "", "no version of cars serves"),
    ],
)
def test_what_is_not_there_is_told(model: str, version: str, why: str) -> None:
    told = status(row("1", 1, "previous"), row("4", None, "downloading"), serving=())
    with pytest.raises(RejectedError, match=why):
        chosen_version(told, model, version)
