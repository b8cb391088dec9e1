import pytest
from model_sync.bucket.model_files import model_file


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["model.xml", "model.bin", "model.onnx"], "model.xml"),
        (["model.xml", "model.onnx"], "model.onnx"),
        (["m.pdmodel", "m.pdiparams", "x.tflite"], "m.pdmodel"),
        (["saved_model.pb", "variables/variables.index"], "."),
        (["frozen.pb"], "frozen.pb"),
        (["b.onnx", "a.onnx"], "a.onnx"),
        (["deep/model.onnx", "README"], None),
        ([], None),
    ],
)
def test_the_model_is_found_as_the_server_finds_it(paths: list[str], found: str | None) -> None:
    assert model_file(paths) == found
