from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from model_sync.settings import Settings
from model_sync.upload.push import Destination
from model_sync.upload.version_folder import read_version_folder


def _folder(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@pytest.mark.parametrize(
    ("model", "version", "names", "sentence"),
    [
        ("cars", "v1", ["model.onnx"], "not a version number"),
        ("ca rs", "1", ["model.onnx"], "cannot be a model's name"),
        ("_cars", "1", ["model.onnx"], "cannot be a model's name"),
        ("a/b", "1", ["model.onnx"], "cannot be a model's name"),
        ("cars", "1", ["model.xml"], "waiting for model.bin"),
        ("cars", "1", ["model.onnx", "graph.pbtxt"], "MediaPipe"),
        ("cars", "1", [], "not a complete model"),
    ],
)
def test_what_could_not_be_served_is_refused_before_it_is_sent(
    tmp_path: Path, model: str, version: str, names: list[str], sentence: str
) -> None:
    with pytest.raises(RejectedError, match=sentence):
        read_version_folder(_folder(tmp_path, *names), model, version)


def test_links_and_missing_folders_are_refused(tmp_path: Path) -> None:
    (_folder(tmp_path, "model.onnx") / "link").symlink_to("model.onnx")
    with pytest.raises(RejectedError, match="'link' is not a plain file"):
        read_version_folder(tmp_path, "cars", "1")
    with pytest.raises(RejectedError, match="is not a folder"):
        read_version_folder(tmp_path / "missing", "cars", "1")


def test_checksums_are_sent_last_and_list_every_file(
    tmp_path: Path, s3_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = read_version_folder(_folder(tmp_path, "model.onnx", "sub/data.bin"), "cars", "2")
    destination = Destination(s3_settings)
    bucket = destination._bucket
    small = bucket.put_small
    present: list[set[str]] = []

    def put_small(key: str, content: bytes, content_type: str) -> None:
        present.append({entry.key for entry in bucket.list_objects()})
        small(key, content, content_type)

    monkeypatch.setattr(bucket, "put_small", put_small)
    sent: list[str] = []
    destination.send(upload, lambda file: sent.append(file.path))
    assert present == [{"cars/2/model.onnx", "cars/2/sub/data.bin"}]
    assert sent == ["model.onnx", "sub/data.bin"]
    assert "cars/2/SHA256SUMS" in {entry.key for entry in bucket.list_objects()}
    assert "+" in destination.upload_id(upload)
