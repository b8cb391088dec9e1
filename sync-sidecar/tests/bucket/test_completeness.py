import pytest
from model_snapshots import upload
from model_sync.bucket.completeness import Complete, Waiting, check_upload, named_files_missing
from model_sync.bucket.model_formats import partner_missing


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
    gate = check_upload(upload("1"), quiet_for=4.0, settle=10.0)
    assert isinstance(gate, Waiting)
    assert gate.settles_in == 6.0
    assert "10 s" in gate.reason
    assert check_upload(upload("1"), quiet_for=10.0, settle=10.0) == Complete()


def test_checksums_make_an_upload_complete_at_once() -> None:
    half = upload("1", paths=("model.xml",), sums="s")
    assert check_upload(half, quiet_for=0.0, settle=10.0) == Complete()


def test_a_missing_partner_is_told_however_quiet_it_is() -> None:
    gate = check_upload(upload("1", paths=("model.xml",)), quiet_for=999.0, settle=10.0)
    assert isinstance(gate, Waiting)
    assert gate.settles_in is None


def test_files_that_checksums_name_and_the_bucket_lacks_are_counted() -> None:
    version = upload("1", paths=("a",), sums="s")
    assert named_files_missing(version, {"a": ""}) is None
    assert named_files_missing(version, {"a": "", "b": ""}) == "waiting for b, named by SHA256SUMS"
    assert "b and 1 more" in str(named_files_missing(version, {"c": "", "b": ""}))
