import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from car_models.evaluating.classifier import Classifier
from car_models.evaluating.pictures import read_rgb
from car_models.importing.importer import ImportRequest, import_version
from car_models.importing.model_spec import ModelSpec, Precision, resize_from
from car_models.importing.presets import preset_named
from car_models.samples.recipes import RECIPES
from edge_common.errors import RejectedError
from edge_common.model_card import Activation, Color, Layout, ModelCard, ResizeMode
from edge_common.openvino_runtime import ov
from model_sync.upload import check_model
from small_classifiers import LABELS, colour_network, write_ir, write_onnx

from .tensorflow_files import write_frozen, write_saved_model

LITE0, LITE2 = (recipe.model for recipe in RECIPES)

PIXELS = ModelSpec(labels=LABELS, preset=preset_named("pixels"))


@pytest.fixture
def red_picture(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((30, 40, 3), (10, 20, 200), np.uint8))
    return path


def imported(tmp_path: Path, request: ImportRequest) -> Path:
    return import_version(request, tmp_path / "models", "colours").folder


def test_an_onnx_file_becomes_a_version_that_the_sidecar_would_serve(
    tmp_path: Path, red_picture: Path
) -> None:
    source = write_onnx(tmp_path / "net.onnx", colour_network())
    spec = replace(PIXELS, sample=red_picture, sample_label="red", description="as exported")
    written = import_version(ImportRequest(source=source, spec=spec), tmp_path / "models", "colours")
    assert (written.model, written.version) == ("colours", 1)
    assert {path.name for path in written.folder.iterdir()} == {
        *("SHA256SUMS", "labels.txt", "model.bin", "model.xml", "model.yaml", "sample.png"),
    }
    assert [verdict.problem for verdict in check_model(written.folder)] == [None]
    model = Classifier(written.folder)
    assert model.classify(read_rgb(red_picture))[0].label == "red"
    assert model.card.description == "as exported"
    assert model.card.output.activation is Activation.SOFTMAX


def test_versions_are_numbered_on_unless_given(tmp_path: Path) -> None:
    request = ImportRequest(source=write_onnx(tmp_path / "net.onnx", colour_network()), spec=PIXELS)
    out = tmp_path / "models"
    assert [import_version(request, out, "colours", number).version for number in (None, 7, None)] == [
        1,
        7,
        8,
    ]


def test_facts_go_into_rt_info_as_well(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "net.onnx", colour_network())
    spec = ModelSpec(labels=("dark red", "green", "blue"), preset=preset_named("imagenet"))
    folder = imported(tmp_path, ImportRequest(source=source, spec=spec))
    info = {
        key: str(value)
        for key, value in ov.Core().read_model(folder / "model.xml").get_rt_info(["model_info"]).value.items()
    }
    assert info["labels"] == "dark_red green blue"
    assert info["mean_values"] == "123.675 116.28 103.53"
    assert info["scale_values"] == "58.395 57.12 57.375"
    assert (info["reverse_input_channels"], info["resize_type"]) == ("True", "crop")


def test_what_an_import_wrote_can_be_imported_again_without_a_word(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "net.onnx", colour_network(softmax=True))
    spec = ModelSpec(
        labels=LABELS, preset=preset_named("inception"), resize=resize_from("letterbox"), min_probability=0.4
    )
    first = imported(tmp_path, ImportRequest(source=source, spec=spec))
    second = imported(tmp_path, ImportRequest(source=first / "model.xml"))
    assert (second / "model.yaml").read_text() == (first / "model.yaml").read_text()
    assert (second / "labels.txt").read_text() == (first / "labels.txt").read_text()


def test_embedded_preprocessing_takes_pixels_and_answers_the_same(tmp_path: Path, pictures: Path) -> None:
    source = write_onnx(tmp_path / "net.onnx", colour_network((64, 64)))
    request = ImportRequest(source=source, spec=ModelSpec(labels=LABELS, preset=preset_named("imagenet")))
    plain = Classifier(imported(tmp_path, request))
    embedded = Classifier(imported(tmp_path, replace(request, embed_preprocessing=True)))
    assert (embedded.card.input.layout, embedded.card.input.color) == (Layout.NHWC, Color.BGR)
    assert embedded.network.input(0).element_type == ov.Type.u8
    assert embedded.card.input.resize == plain.card.input.resize
    for name in ("photo-bus.jpg", "drawn-fire-engine.jpg"):
        ours, theirs = (model.classify(read_rgb(pictures / name)) for model in (plain, embedded))
        assert [p.label for p in ours] == [p.label for p in theirs]
        np.testing.assert_allclose(
            [p.probability for p in ours], [p.probability for p in theirs], rtol=0, atol=1e-4
        )


def test_fp16_halves_the_file_and_keeps_the_answers(tmp_path: Path, models: Path, pictures: Path) -> None:
    folder = models / LITE0 / "1"
    card = Classifier(folder).card
    spec = ModelSpec(labels=tuple((folder / "labels.txt").read_text().splitlines()), card=card)
    request = ImportRequest(source=folder / "model.onnx", spec=spec)
    full, half = (
        imported(tmp_path, replace(request, precision=precision))
        for precision in (Precision.FP32, Precision.FP16)
    )
    assert (half / "model.bin").stat().st_size < 0.51 * (full / "model.bin").stat().st_size
    picture = read_rgb(pictures / "photo-fire-engine.jpg")
    ours, theirs = (Classifier(version).classify(picture)[0] for version in (full, half))
    assert ours.label == theirs.label == "fire engine"
    assert ours.probability == pytest.approx(theirs.probability, abs=0.005)


def test_the_sample_ir_keeps_its_facts(tmp_path: Path, models: Path) -> None:
    card = Classifier(models / LITE2 / "1").card
    folder = imported(tmp_path, ImportRequest(source=models / LITE2 / "1" / "model.xml"))
    again = Classifier(folder).card
    assert again.input.model_copy(update={"resize": None}) == card.input.model_copy(update={"resize": None})
    assert again.input.resize.mode is ResizeMode.STRETCH
    assert again.output.activation is card.output.activation
    assert again.limits == card.limits


def test_a_free_batch_and_size_are_fixed_for_one_picture_of_the_size_given(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "net.onnx", colour_network(("h", "w"), batch="n"))
    folder = imported(tmp_path, ImportRequest(source=source, spec=replace(PIXELS, size=(24, 32))))
    assert list(ov.Core().read_model(folder / "model.xml").input(0).shape) == [1, 3, 24, 32]
    assert Classifier(folder).card.input.size == (24, 32)


def test_flags_win_over_a_card_and_a_card_over_a_preset(tmp_path: Path) -> None:
    card = ModelCard.model_validate(
        {"schema": 1, "input": {"color": "BGR", "mean": [1, 2, 3]}, "limits": {"min_probability": 0.2}}
    )
    spec = ModelSpec(labels=LABELS, scale=(5, 5, 5), card=card, preset=preset_named("unit"))
    source = write_onnx(tmp_path / "net.onnx", colour_network())
    found = Classifier(imported(tmp_path, ImportRequest(source=source, spec=spec))).card
    assert (found.input.mean, found.input.color, found.input.scale) == ((1, 2, 3), Color.BGR, (5, 5, 5))
    assert found.limits.min_probability == 0.2


def test_the_acceptance_of_a_card_waits_for_pictures_and_says_so(tmp_path: Path) -> None:
    card = ModelCard.model_validate({"schema": 1, "acceptance": {"min_top1": 0.9}})
    source = write_onnx(tmp_path / "net.onnx", colour_network())
    request = ImportRequest(source=source, spec=replace(PIXELS, card=card))
    version = import_version(request, tmp_path / "models", "colours")
    assert "acceptance" not in version.card.model_fields_set
    assert "acceptance is left out, because the version has no pictures yet" in version.notes[-1]


def test_facts_that_an_onnx_file_brings_suffice(tmp_path: Path) -> None:
    model = colour_network()
    for key, value in {"labels": "red green blue", "reverse_input_channels": "YES"}.items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=f"model_info {key}", value=value))
    folder = imported(tmp_path, ImportRequest(source=write_onnx(tmp_path / "net.onnx", model)))
    assert Classifier(folder).card.input.color is Color.RGB
    assert Classifier(folder).labels == LABELS


def test_whole_number_inputs_take_plain_pixels_whatever_is_said(tmp_path: Path) -> None:
    source = write_ir(tmp_path / "net.xml", whole_numbers=True)
    spec = ModelSpec(labels=LABELS, preset=preset_named("imagenet"))
    card = Classifier(imported(tmp_path, ImportRequest(source=source, spec=spec))).card
    assert (card.input.mean, card.input.scale, card.input.layout) == ((0, 0, 0), (1, 1, 1), Layout.NHWC)


def refused(tmp_path: Path, request: ImportRequest, match: str) -> None:
    with pytest.raises(RejectedError, match=match):
        import_version(request, tmp_path / "models", "colours")
    assert not (tmp_path / "models").exists(), "a refused import leaves nothing behind"


def test_a_sample_that_is_taken_for_something_else_is_refused(tmp_path: Path, red_picture: Path) -> None:
    source = write_onnx(tmp_path / "net.onnx", colour_network())
    spec = replace(PIXELS, color=Color.BGR, sample=red_picture, sample_label="red")
    refused(tmp_path, ImportRequest(source=source, spec=spec), "takes the sample picture .* for 'blue'")


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        (
            ModelSpec(preset=PIXELS.preset),
            "nothing says what the model's 3 classes are called; pass --labels",
        ),
        (replace(PIXELS, labels=("a", "b")), "there are 2 labels, but the model gives 3 values"),
        (ModelSpec(labels=LABELS), r"\(--mean, --scale, --color\); pass --preset"),
        (ModelSpec(labels=LABELS, mean=(0, 0, 0), color=Color.RGB), r"\(--scale\); pass --preset"),
        (replace(PIXELS, size=(9, 8)), "takes pictures of 8x8 pixels, not 9x8; pass --size 8x8"),
        (
            replace(PIXELS, mean=(0.485, 0.456, 0.406), scale=(0.229, 0.224, 0.225)),
            r"from 0 to 255: --mean 123.675,116.28,103.53 --scale 58.395,57.12,57.375",
        ),
        (replace(PIXELS, scale=(0, 1, 1)), "divides by zero"),
        (replace(PIXELS, output="scores"), "no output 'scores'; the model has means"),
        (replace(PIXELS, sample=Path("absent.jpg")), "sample picture absent.jpg cannot be read"),
        (replace(PIXELS, sample=Path("a.jpg"), sample_label="pink"), "'pink' is not among the labels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_or_is_missing_is_said(tmp_path: Path, spec: ModelSpec, match: str) -> None:
    source = write_onnx(tmp_path / "net.onnx", colour_network())
    refused(tmp_path, ImportRequest(source=source, spec=spec), match)


def test_a_free_size_has_to_be_said(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "net.onnx", colour_network(("h", "w")))
    refused(tmp_path, ImportRequest(source=source, spec=PIXELS), "any size; say for which: --size 224x224")


def test_int8_without_pictures_is_refused(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "net.onnx", colour_network())
    request = ImportRequest(source=source, spec=PIXELS, precision=Precision.INT8)
    refused(tmp_path, request, "INT8 needs pictures .* --calibrate FOLDER")


def test_an_ir_needs_its_weights_beside_it(tmp_path: Path) -> None:
    source = write_ir(tmp_path / "net.xml")
    source.with_suffix(".bin").unlink()
    refused(tmp_path, ImportRequest(source=source, spec=PIXELS), "needs net.bin beside it")


def test_a_version_that_is_there_is_replaced_only_by_one_that_would_be_served(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "net.onnx", colour_network())
    folder = imported(tmp_path, ImportRequest(source=source, spec=PIXELS))
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(RejectedError):
        import_version(ImportRequest(source=source, spec=ModelSpec()), tmp_path / "models", "colours", 1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept
    shutil.rmtree(folder)


@pytest.mark.parametrize("write", [write_frozen, write_saved_model], ids=["frozen graph", "SavedModel"])
def test_tensorflows_files_are_imported_as_openvino_reads_them(
    tmp_path: Path, red_picture: Path, write: Callable[[Path], Path]
) -> None:
    spec = replace(PIXELS, sample=red_picture, sample_label="red")
    folder = imported(tmp_path, ImportRequest(source=write(tmp_path / "net.pb"), spec=spec))
    model = Classifier(folder)
    assert (model.card.input.layout, model.card.input.size) == (Layout.NHWC, (8, 8))
    assert model.classify(read_rgb(red_picture))[0].label == "red"


def test_class_names_inside_a_file_are_used(tmp_path: Path) -> None:
    model = colour_network(softmax=True)
    names = "{0: 'rot', 1: 'dunkel grün', 2: 'blau'}"
    model.metadata_props.append(onnx.StringStringEntryProto(key="names", value=names))
    source = write_onnx(tmp_path / "net.onnx", model)
    spec = ModelSpec(preset=preset_named("pixels"))
    assert Classifier(imported(tmp_path, ImportRequest(source=source, spec=spec))).labels == (
        *("rot", "dunkel grün", "blau"),
    )
    ov.save_model(ov.Core().read_model(source), tmp_path / "converted.xml")
    converted = ImportRequest(source=tmp_path / "converted.xml", spec=spec)
    assert Classifier(imported(tmp_path, converted)).labels == ("rot", "dunkel grün", "blau")
