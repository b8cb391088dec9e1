"""The files that a model keeps its weights in are there, and as long as it says."""

import re
from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from model_sync.bucket.completeness import IncompleteError
from model_sync.preflight.loaded_model import raise_for_weights
from sync_models import write_ir, write_onnx, write_onnx_with_external_weights


@pytest.mark.parametrize("length", [0, 100, 16383])
def test_weights_shorter_than_the_model_says_are_named_with_both_lengths(tmp_path: Path, length: int) -> None:
    weights = write_ir(tmp_path, values=4096) / "model.bin"
    weights.write_bytes(weights.read_bytes()[:length])
    with pytest.raises(RejectedError, match=r"model\.bin has .* and model\.xml needs 16\.0 KiB of weights"):
        raise_for_weights(tmp_path / "model.xml")


def test_whole_weights_are_usable(tmp_path: Path) -> None:
    raise_for_weights(write_ir(tmp_path) / "model.xml")
    raise_for_weights(write_onnx(tmp_path) / "model.onnx")


def test_an_xml_file_that_only_looks_like_a_model_is_left_to_openvino(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    (tmp_path / "model.xml").write_bytes(b"<net><data offset='x' size='9'/><data size='5'/></net>")
    raise_for_weights(tmp_path / "model.xml")


@pytest.mark.parametrize(
    ("location", "file"),
    [
        ("w.bin", "w.bin"),
        ("./w.bin", "w.bin"),
        ("sub//w.bin", "sub/w.bin"),
        ("sub/./w 1.bin", "sub/w 1.bin"),
        ("onnx::MatMul_12", "onnx::MatMul_12"),
    ],
)
def test_external_data_is_found_where_openvino_finds_it(tmp_path: Path, location: str, file: str) -> None:
    folder = write_onnx_with_external_weights(tmp_path / "1", location=location)
    raise_for_weights(folder / "model.onnx")
    (folder / file).unlink()
    with pytest.raises(IncompleteError, match=re.escape(f"waiting for {file}, named by model.onnx")):
        raise_for_weights(folder / "model.onnx")


@pytest.mark.parametrize("location", ["../w.bin", "sub/../../w.bin", "../1/../w.bin"])
def test_external_data_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "1" / "sub").mkdir(parents=True)
    folder = write_onnx_with_external_weights(tmp_path / "1", location=location)
    with pytest.raises(RejectedError, match="outside its folder; export it anew"):
        raise_for_weights(folder / "model.onnx")
