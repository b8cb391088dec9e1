"""A model file on somebody's disk becomes a served model in two commands."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from edge_common.errors import RejectedError
from edge_stack.components import program
from edge_stack.stack import Stack
from small_classifiers import LABELS, colour_network, write_onnx


def test_an_imported_model_is_pushed_served_and_answers_a_picture(stack: Stack, tmp_path: Path) -> None:
    red = tmp_path / "red.png"
    cv2.imwrite(str(red), np.full((30, 40, 3), (10, 20, 200), np.uint8))
    source = write_onnx(tmp_path / "net.onnx", colour_network())
    imported = car_models(
        *(stack, "import", source, "--name", "colours", "--out", tmp_path / "models", "--labels"),
        *(",".join(LABELS), "--preset", "unit", "--embed-preprocessing"),
        *("--sample", red, "--sample-label", "red"),
    )
    where = ("--wait", "--status-url", stack.ports.sidecar_url, "--timeout", "100")
    pushed = car_models(stack, "push", str(imported["folder"]), *where)
    assert (pushed["model"], pushed["version"]) == ("colours", "1")
    assert pushed["served_after_s"] is not None
    answer = stack.classify("--model", "colours", red)
    assert answer["results"][0]["predictions"][0]["label"] == "red"


def test_a_version_that_would_be_rejected_is_not_uploaded(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "colours" / "1"
    folder.mkdir(parents=True)
    content = write_onnx(tmp_path / "net.onnx", colour_network()).read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(RejectedError, match="would not be served"):
        car_models(stack, "push", folder)
    assert stack.store.remove_model("colours") == 0


def car_models(stack: Stack, *arguments: str | Path) -> dict[str, object]:
    argv = [program("car-models"), *arguments, "--json"]
    return stack.run_for_json("car-models", argv, stack.sidecar_environment())
