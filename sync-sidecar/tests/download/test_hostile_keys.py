"""Whatever a bucket's keys are, what is fetched stays in its version's folder, one file for each key."""

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from model_sync.bucket.catalog import ListedObject, Upload, build_catalog
from model_sync.download.staging import Staging
from model_sync.volume.volume import Volume

_NAMES = ("cars", "Cars", "1", "01", "latest", "a", "b", "tree", "parts", "upload.json", "SHA256SUMS")
_ODD = (
    "..",
    ".",
    "",
    "~",
    "a\\b",
    "\x00",
    "\n",
    "\u202e",
    "\ud800",
    "\u00e9",
    "e\u0301",
    "a" * 255,
    "a" * 256,
)
_PARTS = st.sampled_from((*_NAMES, *_ODD)) | st.text(max_size=8)
_KEYS = st.lists(_PARTS, min_size=1, max_size=6).map("/".join)
_ODD_BUT_FINE = (
    "tree",
    "parts",
    "upload.json",
    "a",
    "b",
    "~",
    " ",
    "-rf",
    "con",
    "%2e%2e",
    "\u00e9",
    "e\u0301",
    "a" * 255,
)
_PATHS = st.lists(st.sampled_from(_ODD_BUT_FINE), min_size=1, max_size=3).map("/".join)
_MODELS = st.sampled_from(["cars", "Cars", "tree", "parts", "upload.json"])
_MODEL_KEYS = st.builds("{}/{}/{}".format, _MODELS, st.integers(1, 20) | st.just("latest"), _PATHS)


def _fetched(volume: Volume, version: Upload) -> Staging:
    """As if every file of `version` had arrived with its key as its content; every second as a part first."""
    staging = Staging(volume.staging_folder(version.model, version.bucket_version))
    files = staging.prepare(version.files, version.fingerprint)
    for number, file in enumerate(files):
        content = file.key.encode("utf-8", "surrogatepass")
        if number % 2:
            staging.part_path(file).write_bytes(content)
            staging.accept(file)
        else:
            staging.place(file, content)
    staging.seal()
    return staging


@settings(max_examples=100)
@given(st.lists(_MODEL_KEYS | _KEYS, min_size=10, max_size=60, unique=True))
@example(["cars/1/a", "cars/1/a/b"])
@example(["cars/1/tree/../../../../etc/passwd", "cars/../cars/1/a", "/cars/1/a"])
@example([f"cars/1/{'a' * 255}/{'b' * 255}", f"cars/1/{'a/' * 500}b"])
def test_files_stay_in_their_version_and_apart(keys: list[str]) -> None:
    catalog = build_catalog(ListedObject(key, 1, f"etag-{n}", 0.0) for n, key in enumerate(keys))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "volume")
        root.mkdir()
        volume = Volume(root)
        volume.prepare()
        before = set(Path(name).rglob("*"))
        expected = {}
        for model in catalog.models.values():
            for version in model.versions.values():
                if version.problem is None:
                    tree = _fetched(volume, version).tree
                    expected.update({tree / file.path: file.key for file in version.files})
        there = {path for path in set(Path(name).rglob("*")) - before if path.is_file()}
        assert {path for path in there if path.name != "upload.json" or path in expected} == set(expected)
        for path, key in expected.items():
            assert path.read_bytes() == key.encode("utf-8", "surrogatepass")
