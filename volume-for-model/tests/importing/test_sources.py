from pathlib import Path

import onnx
import pytest
from car_models.importing.sources import labels_of_metadata, model_info_of_metadata, read_source
from edge_common.errors import RejectedError
from small_classifiers import colour_network, write_ir, write_onnx


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("net.keras", r"only Keras can read; write a SavedModel with model\.export"),
        ("net.h5", r"model\.export"),
        ("net.zip", "no model file of a kind that is known: ONNX"),
        ("net.onnx", "no ONNX file, or damaged"),
        ("net.xml", "needs net.bin beside it"),
        ("net.pb", "OpenVINO cannot read"),
        ("net.tflite", "OpenVINO cannot read"),
        ("net.safetensors", "no safetensors file, or damaged"),
        ("net.pth", "not a checkpoint"),
        ("net.pkl", "not a checkpoint"),
    ],
)
def test_a_file_of_nonsense_ends_with_one_sentence(tmp_path: Path, name: str, match: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe nonsense \x00" * 40)
    with pytest.raises(RejectedError, match=match) as refusal:
        read_source(tmp_path / name)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", ["onnx", "xml"])
def test_a_file_cut_off_half_way_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"net.{kind}"
    write_onnx(path, colour_network()) if kind == "onnx" else write_ir(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RejectedError, match=r"damaged|cannot read"):
        read_source(path)


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="is not there; give a model file"):
        read_source(tmp_path / "absent.onnx")
    with pytest.raises(RejectedError, match=r"folder without saved_model\.pb"):
        read_source(tmp_path)


def test_the_weights_of_an_ir_are_not_taken_for_a_checkpoint(tmp_path: Path) -> None:
    write_ir(tmp_path / "net.xml")
    with pytest.raises(RejectedError, match=r"weights of an IR; give net\.xml"):
        read_source(tmp_path / "net.bin")


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd"])
def test_weights_outside_the_models_folder_are_not_read(tmp_path: Path, location: str) -> None:
    model = colour_network()
    tensor = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [0.0])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.append(onnx.StringStringEntryProto(key="location", value=location))
    model.graph.initializer.append(tensor)
    with pytest.raises(RejectedError, match="outside its folder"):
        read_source(write_onnx(tmp_path / "net.onnx", model))


@pytest.mark.parametrize(
    ("metadata", "labels"),
    [
        ({"names": "{0: 'sedan', 1: 'pick-up, red', 2: 'bus'}"}, ("sedan", "pick-up, red", "bus")),
        ({"names": "['sedan', 'van']"}, ("sedan", "van")),
        ({"id2label": '{"1": "van", "0": "sedan"}'}, ("sedan", "van")),
        ({"classes": '["sedan", "van"]'}, ("sedan", "van")),
        ({"character": "0\n90\n180\n270"}, ("0", "90", "180", "270")),
        ({"labels": "sedan, van"}, ("sedan", "van")),
        ({"author": "somebody"}, None),
        ({"names": "{0: 'sedan', 2: 'bus'}"}, None),
        ({"names": "{0: 'sedan', 1: 'sedan'}"}, None),
        ({"names": "__import__('os').getcwd()"}, None),
        ({"names": "[" * 100_000}, None),
        ({"names": "[['a', 'b'], 'c']"}, None),
        ({"names": ""}, None),
    ],
)
def test_names_are_read_as_training_programs_write_them(
    metadata: dict[str, str], labels: tuple[str, ...] | None
) -> None:
    assert labels_of_metadata(metadata) == labels


def test_ultralytics_says_what_its_classifiers_take_and_names_what_is_none() -> None:
    assert model_info_of_metadata({"author": "Ultralytics", "task": "classify"})["scale_values"] == "255"
    assert model_info_of_metadata({"author": "somebody", "task": "detect"}) == {}
    with pytest.raises(RejectedError, match="its task is 'detect'; only image classifiers"):
        model_info_of_metadata({"author": "Ultralytics", "task": "detect"})
