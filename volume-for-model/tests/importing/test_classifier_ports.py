"""What can be made a classifier of one picture, and that a refusal's advice works when it is followed."""

from pathlib import Path

import numpy as np
import pytest
from car_models.evaluating.classifier import Classifier
from car_models.importing.importer import ImportRequest, import_version
from car_models.importing.model_spec import ModelSpec
from car_models.importing.presets import preset_named
from edge_common.errors import RejectedError
from edge_common.openvino_runtime import ops, ov

LABELS = ("red", "green", "blue")
RED = np.full((20, 20, 3), (200, 20, 10), np.uint8)


def write(
    path: Path,
    *,
    shape: tuple[int, ...] = (1, 8, 8, 3),
    heads: tuple[str, ...] = ("means",),
    kind: type = np.float32,
    extra_input: bool = False,
) -> Path:
    """An IR that gives each channel's share once for each of the `heads`; `boxes`, `class` are no scores."""
    image = ops.parameter(ov.PartialShape(list(shape)), kind, name="picture")
    colours = 1 if shape[-1] != 3 and shape[1] in {1, 3} else 3
    means = ops.reduce_mean(ops.convert(image, "f32"), np.array([2, 3] if colours == 1 else [1, 2]), False)
    scores = ops.softmax(means, 1)
    results = []
    for head in heads:
        node = ops.relu(scores)  # a node of its own
        if head == "boxes":
            node = ops.unsqueeze(ops.concat([scores, scores], 1), np.array(1))
            node = ops.concat([node, node], 1)
        if head == "class":
            node = ops.squeeze(ops.topk(scores, np.int32(1), 1, "max", "none").output(1), np.array(1))
        if head == "features":
            node = ops.concat([scores, scores, scores], 1)
        node.output(0).set_names({head})
        results.append(ops.result(node))
    inputs = [image]
    if extra_input:
        inputs.append(ops.parameter([1, 3], np.float32, name="more"))
        results.append(ops.result(ops.relu(inputs[1])))
    ov.save_model(ov.Model(results, inputs), path, compress_to_fp16=False)
    return path


def says(source: Path, spec: ModelSpec) -> str:
    """Import it, and the label that the version gives `RED`."""
    version = import_version(ImportRequest(source=source, spec=spec), source.parent / "models", "m")
    return Classifier(version.folder).classify(RED)[0].label


SPEC = ModelSpec(labels=LABELS, preset=preset_named("unit"))


@pytest.mark.parametrize(
    ("shape", "heads"),
    [
        ((8, 8, 8, 3), ("means",)),
        ((-1, 8, 8, 3), ("means",)),
        ((1, 8, 8, 3), ("boxes", "means")),
        ((1, 8, 8, 3), ("class", "means")),
        ((1, 8, 8, 3), ("features", "means")),
    ],
    ids=["eight at a time", "free batch", "boxes too", "the class too", "features too"],
)
def test_batches_and_other_outputs_are_no_hindrance(
    tmp_path: Path, shape: tuple[int, ...], heads: tuple[str, ...]
) -> None:
    assert says(write(tmp_path / "net.xml", shape=shape, heads=heads), SPEC) == "red"


def test_of_two_equal_heads_one_has_to_be_named(tmp_path: Path) -> None:
    source = write(tmp_path / "net.xml", heads=("colour", "make"))
    with pytest.raises(
        RejectedError, match=r"colour FP32 \[1,3\], make .*--output NAME of car-models import"
    ):
        says(source, SPEC)
    assert says(source, ModelSpec(labels=LABELS, preset=SPEC.preset, output="make")) == "red"


def test_an_open_size_has_to_be_said(tmp_path: Path) -> None:
    source = write(tmp_path / "net.xml", shape=(1, -1, -1, 3))
    with pytest.raises(RejectedError, match="say for which: --size 224x224"):
        says(source, SPEC)
    assert says(source, ModelSpec(labels=LABELS, preset=SPEC.preset, size=(224, 224))) == "red"


@pytest.mark.parametrize(
    ("facts", "match"),
    [
        ({"heads": ("boxes",)}, r"boxes FP32 \[1,2,6\]; an image classifier gives one row of scores"),
        ({"heads": ("class",)}, r"class INT32 .*; an image classifier gives one row of scores"),
        (
            {"shape": (1, 1, 8, 8)},
            r"picture FP32 \[1,1,8,8\], in which no dimension is that of three colours",
        ),
        (
            {"extra_input": True},
            r"picture FP32 \[1,8,8,3\], more FP32 \[1,3\]; an image classifier takes one",
        ),
        ({"kind": np.bool_}, "no picture can be sent as BOOL"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_what_is_no_classifier_is_refused(tmp_path: Path, facts: dict[str, object], match: str) -> None:
    with pytest.raises(RejectedError, match=match):
        says(write(tmp_path / "net.xml", **facts), SPEC)  # type: ignore[arg-type]  # as `write` takes them
