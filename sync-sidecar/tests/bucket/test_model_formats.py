import pytest
from edge_common.errors import RejectedError
from model_sync.bucket.model_formats import model_file


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["model.xml", "model.bin", "model.onnx"], "model.xml"),
        (["model.xml", "model.onnx"], "model.onnx"),
        (["m.pdmodel", "m.pdiparams", "x.tflite"], "m.pdmodel"),
        (["saved_model.pb", "variables/variables.index"], "."),
        (["frozen.pb"], "frozen.pb"),
        (["b.onnx", "a.onnx", "model.xml", "model.bin"], "model.xml"),
        (["model.xml", "model.bin", "other.bin"], "model.xml"),
        (["deep/model.onnx", "README"], None),
        ([], None),
    ],
)
def test_the_model_is_found_as_the_server_finds_it(paths: list[str], found: str | None) -> None:
    assert model_file(paths) == found


@pytest.mark.parametrize(
    ("paths", "named"),
    [
        (["b.onnx", "a.onnx"], "'a.onnx' and 'b.onnx'"),
        (["._m.xml", "m.xml", "m.bin"], "'._m.xml' and 'm.xml'"),
        (["saved_model.pb", "variables/variables.index", "frozen.pb"], "'frozen.pb' and 'saved_model.pb'"),
        (["a.onnx", "graph.pbtxt"], "graph.pbtxt makes the server run a graph"),
    ],
)
def test_files_of_which_the_server_might_read_another_are_refused(paths: list[str], named: str) -> None:
    with pytest.raises(RejectedError, match=named):
        model_file(paths)
