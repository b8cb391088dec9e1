import dataclasses
import json
from typing import Any, Protocol

import pytest
from car_client.output.documents import log_inference
from car_client.pipeline.classifier import Classification
from car_client.pipeline.scores import Prediction, Verdict
from car_client.settings import Transport
from edge_common.logs import LogFormat, configure_logging

RESULT = Classification(
    picture="car.jpg",
    model="effnet",
    version=3,
    verdict=Verdict(tuple(Prediction(i, f"label {i}", 0.6 / (i + 1)) for i in range(7)), sure=True),
    transport=Transport.JPEG,
    decode_seconds=0.001,
    preprocess_seconds=0.002,
    request_seconds=0.0305,
)


class Logged(Protocol):
    """What the fixture `logged` offers."""

    def of(self, event: str) -> list[dict[str, Any]]: ...


def test_the_line_of_an_inference_has_what_was_promised(logged: Logged) -> None:
    log_inference(RESULT)
    log_inference(dataclasses.replace(RESULT, digest="sha256:ab"))
    line, known = logged.of("inference")
    assert "digest" not in line, "nobody has told it"
    assert known["digest"] == "sha256:ab"
    assert line.pop("ts").endswith("Z")
    assert line == {
        "event": "inference",
        "level": "info",
        "model": "effnet",
        "version": 3,
        "image": "car.jpg",
        "top1": "label 0",
        "probability": 0.6,
        "top5": [[f"label {i}", round(0.6 / (i + 1), 4)] for i in range(5)],
        "latency_ms": 33.5,
        "transport": "jpeg",
    }


def test_an_unsure_answer_is_not_passed_off_as_a_label(logged: Logged) -> None:
    log_inference(dataclasses.replace(RESULT, verdict=dataclasses.replace(RESULT.verdict, sure=False)))
    [line] = logged.of("inference")
    assert line["top1"] == "not sure"
    assert line["top5"][0] == ["label 0", 0.6]


def test_the_line_is_json_where_a_machine_reads(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    log_inference(RESULT)
    line = json.loads(capsys.readouterr().err)
    assert list(line)[:3] == ["ts", "level", "event"]
    assert (line["event"], line["model"], line["version"]) == ("inference", "effnet", 3)
