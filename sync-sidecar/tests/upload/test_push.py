from collections.abc import Mapping
from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from model_sync.bucket.catalog import ListedModel, ListedObject, Upload, build_catalog
from model_sync.planning.state import StoredFile
from model_sync.settings import Settings
from model_sync.upload.folder import read_version_folder
from model_sync.upload.push import Destination, Target, choose_target

OURS = (StoredFile("labels.txt", 5, "aa"), StoredFile("model.onnx", 10, "bb"))
SUMS = {"labels.txt": "aa", "model.onnx": "bb"}
OTHERS = {"labels.txt": "aa", "model.onnx": "cc"}


def listed(**versions: tuple[str, ...]) -> ListedModel | None:
    """A model whose version folders (`v1` for 1) hold these files."""
    sizes = {file.path: file.size for file in OURS}
    objects = [
        ListedObject(f"cars/{version.removeprefix('v')}/{name}", sizes.get(name, 3), "etag", 0.0)
        for version, names in versions.items()
        for name in names
    ]
    return build_catalog(objects).models.get("cars")


WHOLE = ("SHA256SUMS", "labels.txt", "model.onnx")


def choose(
    remote: ListedModel | None, sums: Mapping[str, Mapping[str, str]], wanted: str | None = None
) -> Target:
    def read_sums(version: Upload) -> Mapping[str, str] | None:
        return sums.get(version.bucket_version)

    return choose_target("cars", remote, OURS, read_sums, wanted)


def test_the_first_is_1() -> None:
    assert choose(None, {}) == Target("1", there=False)


def test_other_files_get_the_next_number() -> None:
    assert choose(listed(v9=WHOLE, v10=WHOLE), {"10": OTHERS}) == Target("11", there=False)


def test_the_highest_version_with_these_files_is_left_as_it_is() -> None:
    assert choose(listed(v1=WHOLE, v2=WHOLE), {"1": OTHERS, "2": SUMS}) == Target("2", there=True)


def test_earlier_files_come_back_under_a_new_number() -> None:
    assert choose(listed(v1=WHOLE, v2=WHOLE), {"1": SUMS, "2": OTHERS}) == Target("3", there=False)


def test_a_broken_off_upload_of_these_files_is_completed() -> None:
    assert choose(listed(v1=WHOLE, v2=("model.onnx",)), {"1": OTHERS}) == Target("2", there=False)


def test_an_upload_of_something_else_without_sums_is_left_alone() -> None:
    assert choose(listed(v1=("model.onnx", "other.txt")), {}) == Target("2", there=False)


def test_sums_whose_files_are_missing_do_not_count_as_there() -> None:
    assert choose(listed(v1=("SHA256SUMS", "labels.txt")), {"1": SUMS}) == Target("2", there=False)


def test_a_folder_that_is_no_version_does_not_count() -> None:
    assert choose(listed(vfinal=WHOLE, v3=WHOLE), {"3": OTHERS}) == Target("4", there=False)


@pytest.mark.parametrize(
    ("sums", "there"), [({}, False), ({"7": SUMS}, True)], ids=["not there yet", "there already"]
)
def test_a_wanted_number_is_taken(sums: dict[str, dict[str, str]], there: bool) -> None:
    remote = listed(v7=WHOLE) if there else listed(v1=WHOLE)
    assert choose(remote, sums, "7") == Target("7", there=there)


def test_a_wanted_number_with_other_files_is_refused() -> None:
    with pytest.raises(
        RejectedError, match=r"cars version 7 is in the bucket with other files; .* number, 8"
    ):
        choose(listed(v7=WHOLE), {"7": OTHERS}, "7")


def test_latest_stands_before_every_number() -> None:
    with pytest.raises(RejectedError, match="cars/latest, which is served before every number"):
        choose(listed(v1=WHOLE, vlatest=WHOLE), {"1": SUMS})
    assert choose(listed(vlatest=WHOLE), {"latest": OTHERS}, "latest") == Target("latest", there=False)


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
    with pytest.raises(RejectedError, match="'link' is a link or no plain file"):
        read_version_folder(tmp_path, "cars", "1")
    with pytest.raises(RejectedError, match="is not a folder"):
        read_version_folder(tmp_path / "missing", "cars", "1")


def test_the_signature_is_sent_after_the_files_and_checksums_last(
    tmp_path: Path, s3_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = read_version_folder(_folder(tmp_path, "model.onnx", "model.sig", "sub/data.bin"), "cars", "2")
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
    assert present == [{"cars/2/model.onnx", "cars/2/model.sig", "cars/2/sub/data.bin"}]
    assert sent == ["model.onnx", "sub/data.bin", "model.sig"]
    assert "cars/2/SHA256SUMS" in {entry.key for entry in bucket.list_objects()}
    assert "+" in destination.upload_id(upload)
