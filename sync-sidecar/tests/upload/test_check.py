import hashlib
from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from model_sync.upload.check import check_model
from tiny_models import write_broken_model, write_ir_model, write_model

CARD = "schema: 1\noutput: {labels: labels.txt}\n"


def with_sums(folder: Path) -> Path:
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return folder


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    """A model folder with one version: ONNX, a card and its labels, SHA256SUMS."""
    folder = write_model(tmp_path / "car" / "1", 1.0)
    (folder / "model.yaml").write_text(CARD)
    (folder / "labels.txt").write_text("one\ntwo\nthree\nfour\n")
    return with_sums(folder).parent


@pytest.fixture
def ir(tmp_path: Path) -> Path:
    """A model folder with one version: an IR and SHA256SUMS."""
    return with_sums(write_ir_model(tmp_path / "car" / "1", 1.0)).parent


def problem(folder: Path) -> str:
    (checked,) = check_model(folder)
    assert checked.problem is not None
    return checked.problem


def test_every_good_version_would_be_served(onnx: Path) -> None:
    write_model(onnx / "2", 2.0)
    checked = check_model(onnx)
    assert [(v.model, v.version, v.problem) for v in checked] == [("car", "1", None), ("car", "2", None)]
    assert checked[1].bytes == (onnx / "2" / "model.onnx").stat().st_size


def test_a_single_version_can_be_checked(onnx: Path) -> None:
    write_broken_model(onnx / "2")
    assert [version.version for version in check_model(onnx / "1")] == ["1"]


def test_a_model_that_is_cut_off_is_rejected_by_loading_it(onnx: Path) -> None:
    with_sums(write_broken_model(onnx / "3"))
    assert "OpenVINO cannot load it" in (check_model(onnx / "3")[0].problem or "")


def test_a_damaged_file_is_told_by_its_digest(ir: Path) -> None:
    with (ir / "1" / "model.bin").open("r+b") as file:
        file.write(b"\1\2\3\4")
    assert "model.bin does not have the digest" in problem(ir)


def test_a_missing_partner_file_is_named(ir: Path) -> None:
    (ir / "1" / "SHA256SUMS").unlink()
    (ir / "1" / "model.bin").unlink()
    assert problem(ir) == "waiting for model.bin, named by model.xml"


def test_a_file_that_only_the_sums_know_is_named(onnx: Path) -> None:
    (onnx / "1" / "labels.txt").unlink()
    assert problem(onnx) == "waiting for labels.txt, named by SHA256SUMS"


def test_a_misspelt_key_in_the_card_is_named(onnx: Path) -> None:
    (onnx / "1" / "model.yaml").write_text("schema: 1\ninput: {resise: {mode: crop}}\n")
    with_sums(onnx / "1")
    assert "unknown key 'input.resise'" in problem(onnx)


def test_a_bad_card_beside_the_versions_concerns_those_without_their_own(onnx: Path) -> None:
    (onnx / "model.yaml").write_text("schema: 7\n")
    assert check_model(onnx)[0].problem is None
    (onnx / "1" / "SHA256SUMS").unlink()
    (onnx / "1" / "model.yaml").unlink()
    assert problem(onnx).startswith("model.yaml: schema")


def test_labels_that_do_not_fit_the_model_are_counted(onnx: Path) -> None:
    (onnx / "1" / "labels.txt").write_text("fire engine\nno car\n")
    with_sums(onnx / "1")
    assert "2 labels, but the model gives 4 values" in problem(onnx)


def test_a_version_with_another_name_gets_advice(onnx: Path) -> None:
    (onnx / "1").rename(onnx / "v1")
    assert problem(onnx) == (
        "'v1' is not a version number; rename the folder to a whole number such as 1, or latest"
    )


def test_a_folder_without_versions_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(RejectedError, match=r"into a version's folder, such as .*/1/model\.onnx"):
        check_model(tmp_path)


def test_a_name_that_no_model_can_have_gets_advice(tmp_path: Path) -> None:
    write_model(tmp_path / "my car" / "1", 1.0)
    with pytest.raises(RejectedError, match="'my car' cannot be a model's name"):
        check_model(tmp_path / "my car")


@pytest.mark.parametrize("kind", ["onnx", "ir"])
def test_a_check_leaves_the_folder_as_it_was(kind: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(kind)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    (checked,) = check_model(folder)
    assert (checked.version, checked.problem) == ("1", None)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
