from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ovms_lite.errors import LoadError
from ovms_lite.repository.find import MAX_VERSION, find_model_file, list_versions


def _folders(base: Path, *names: str) -> Path:
    for name in names:
        (base / name).mkdir(parents=True)
    return base


def test_folders_with_whole_numbers_are_versions(tmp_path: Path) -> None:
    listing = list_versions(_folders(tmp_path, "1", "5", "10", "2147483647", "unknown_dir11"))
    assert listing.versions == {1, 5, 10, 2147483647}
    assert listing.ignored == ("unknown_dir11",)


@pytest.mark.parametrize(
    "name", ["0", "-1", "01", "2.tmp", "latest", "v1", "99999999999999999999", "1e3", "+4"]
)
def test_other_names_are_no_versions(tmp_path: Path, name: str) -> None:
    assert list_versions(_folders(tmp_path, name)).versions == frozenset()


def test_files_are_no_versions_and_links_to_folders_are(tmp_path: Path) -> None:
    (tmp_path / "2").write_text("x")
    _folders(tmp_path / "elsewhere", "a")
    (tmp_path / "3").symlink_to(tmp_path / "elsewhere" / "a")
    (tmp_path / "4").symlink_to(tmp_path / "nowhere")
    assert list_versions(tmp_path).versions == {3}


def test_a_missing_folder_is_an_error_not_an_empty_listing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list_versions(tmp_path / "gone")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.integers(1, MAX_VERSION))
def test_every_version_number_is_found_under_its_decimal_name(
    tmp_path_factory: pytest.TempPathFactory, version: int
) -> None:
    folder = tmp_path_factory.mktemp("versions")
    (folder / str(version)).mkdir()
    assert list_versions(folder).versions == {version}


def _files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_text("")
    return folder


def test_ir_wins_over_onnx_when_its_weights_are_there(tmp_path: Path) -> None:
    assert find_model_file(_files(tmp_path, "a.onnx", "b.xml", "b.bin")) == tmp_path / "b.xml"


def test_ir_without_weights_is_passed_over(tmp_path: Path) -> None:
    assert find_model_file(_files(tmp_path, "a.onnx", "b.xml")) == tmp_path / "a.onnx"


def test_a_saved_model_is_read_as_a_folder(tmp_path: Path) -> None:
    assert find_model_file(_files(tmp_path, "saved_model.pb")) == tmp_path


def test_a_partly_copied_file_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="holds no model"):
        find_model_file(_files(tmp_path, "model.onnx.part", "model.xml", "model.bin.part"))


def test_a_missing_folder_says_which(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="nowhere cannot be listed"):
        find_model_file(tmp_path / "nowhere")
