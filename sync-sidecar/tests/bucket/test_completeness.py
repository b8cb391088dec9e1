import pytest
from model_snapshots import NOW, upload, upload_object
from model_sync.bucket.catalog import Upload
from model_sync.bucket.completeness import (
    Waiting,
    check_upload,
    named_files_missing,
)
from model_sync.bucket.recognise import partner_missing


@pytest.mark.parametrize(
    "paths",
    [
        ["model.xml", "model.bin"],
        ["model.onnx"],
        ["model.onnx", "weights.data", "labels.txt"],
        ["inference.pdmodel", "inference.pdiparams"],
        ["saved_model.pb", "variables/variables.index"],
        ["frozen.pb"],
        ["model.tflite"],
    ],
)
def test_whole_models_lack_nothing(paths: list[str]) -> None:
    assert partner_missing(paths) is None


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        (["model.xml"], "waiting for model.bin, named by model.xml"),
        (["a.xml", "b.bin"], "waiting for a.bin, named by a.xml"),
        (["model.bin"], "waiting for the .xml file that belongs to model.bin"),
        (["m.pdmodel"], "waiting for m.pdiparams, named by m.pdmodel"),
        (["m.pdiparams"], "waiting for the .pdmodel file that belongs to m.pdiparams"),
        (["saved_model.pb"], "waiting for variables/variables.index, which saved_model.pb needs"),
        (["1/model.onnx"], "lies too deep"),
        (["README.txt"], "waiting for a model file"),
        ([], "waiting for a model file"),
    ],
)
def test_what_is_lacking_is_named(paths: list[str], sentence: str) -> None:
    assert sentence in str(partner_missing(paths))


def test_a_fresh_upload_waits_until_it_has_been_quiet() -> None:
    gate = check_upload(upload("1"), quiet_for=4.0, quiet_time=10.0)
    assert isinstance(gate, Waiting)
    assert gate.quiet_in == 6.0
    assert "10 s" in gate.reason
    assert check_upload(upload("1"), quiet_for=10.0, quiet_time=10.0) is None


def test_checksums_make_an_upload_complete_at_once() -> None:
    half = upload("1", paths=("model.xml",), sums="s")
    assert check_upload(half, quiet_for=0.0, quiet_time=10.0) is None


def test_a_missing_partner_is_told_however_quiet_it_is() -> None:
    gate = check_upload(upload("1", paths=("model.xml",)), quiet_for=999.0, quiet_time=10.0)
    assert isinstance(gate, Waiting)
    assert gate.quiet_in is None


def test_files_that_checksums_name_and_the_bucket_lacks_are_counted() -> None:
    version = upload("1", paths=("a",), sums="s")
    assert named_files_missing(version, {"a": ""}) is None
    assert named_files_missing(version, {"a": "", "b": ""}) == "waiting for b, named by SHA256SUMS"
    assert "b and 1 more" in str(named_files_missing(version, {"c": "", "b": ""}))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model.bin", "model.xml"),
        ("model.xml", "model.bin"),
        ("m.pdiparams", "m.pdmodel"),
        ("weights.data", "model.onnx"),
        ("variables/variables.index", "saved_model.pb"),
    ],
)
def test_of_files_that_belong_together_the_older_one_is_awaited_for_longer(old: str, new: str) -> None:
    paths = {old, new, *({"m.bin"} if new.endswith(".onnx") else ())}
    ages = {path: 0.0 if path == new else 300.0 for path in paths}
    half = Upload("m", "1", tuple(upload_object(path, modified=NOW - age) for path, age in ages.items()))
    waits = check_upload(half, quiet_for=10.0, quiet_time=10.0)
    assert isinstance(waits, Waiting)
    assert f"'{new}' is newer than" in waits.reason
    assert "by 5 min; waiting for" in waits.reason
    assert "until nothing has changed for 30 s" in waits.reason
    assert waits.quiet_in == 20.0
    assert check_upload(half, quiet_for=30.0, quiet_time=10.0) is None
    whole = Upload("m", "1", tuple(upload_object(path) for path in paths))
    assert check_upload(whole, quiet_for=10.0, quiet_time=10.0) is None


def test_a_card_labels_or_pictures_of_another_day_are_not_waited_for() -> None:
    paths = ("model.onnx", "model.yaml", "labels.txt", "car.jpg", "acceptance/a.bin", "LICENSE")
    files = tuple(upload_object(path, modified=NOW + 1000 * at) for at, path in enumerate(paths))
    assert check_upload(Upload("m", "1", files), quiet_for=10.0, quiet_time=10.0) is None


def test_a_store_without_dates_has_uploads_wait_as_ever() -> None:
    files = tuple(upload_object(path, modified=0.0) for path in ("model.xml", "model.bin"))
    assert check_upload(Upload("m", "1", files), quiet_for=10.0, quiet_time=10.0) is None


def test_a_name_in_other_letters_is_pointed_out() -> None:
    missing = named_files_missing(upload("1", paths=("model.onnx",), sums="s"), {"MODEL.onnx": ""})
    assert missing == (
        "waiting for MODEL.onnx, named by SHA256SUMS; 'model.onnx' is there: give both the same letters"
    )
