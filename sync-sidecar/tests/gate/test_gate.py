import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from collected_logs import LogLines
from edge_common.errors import EdgeError, RejectedError, RetryableError
from hand_executors import AtOnce
from memory_store import MemoryStore
from model_sync.bucket.catalog import build_catalog
from model_sync.bucket.checksums import format_checksums
from model_sync.bucket.completeness import IncompleteError
from model_sync.bucket.evidence_files import Provenance, format_provenance
from model_sync.download.object_download import CorruptTransferError, digest_file
from model_sync.download.staging import Staging
from model_sync.gate.gate import Gate, Incoming, StagedVersion
from model_sync.planning.evidence import Signature
from model_sync.trust.bundle import MAX_BUNDLE_BYTES
from model_sync.trust.sign import SigningKey
from model_sync.trust.trusted_keys import TrustedKeys
from model_sync.trust.verify import SignatureCheck
from signing_keys import MadeKey

_SUM_OF_X = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"


def _fetch(store: MemoryStore, folder: Path, gate: Gate | None = None) -> StagedVersion:
    model = build_catalog(store.list_objects()).models["m"]
    return (gate or Gate(store, AtOnce(), None)).admit(Incoming(model, model.versions["1"], Staging(folder)))


def _store(**files: bytes) -> MemoryStore:
    store = MemoryStore()
    for name, content in files.items():
        store.put(f"m/1/{name.replace('_', '.')}", content)
    return store


def test_a_fetched_upload_lies_complete_in_staging(tmp_path: Path) -> None:
    staged = _fetch(_store(model_onnx=b"x"), tmp_path / "s")
    assert [(file.path, file.size, file.sha256) for file in staged.files] == [("model.onnx", 1, _SUM_OF_X)]
    assert (tmp_path / "s" / "tree" / "model.onnx").read_bytes() == b"x"


def test_only_what_checksums_list_is_mirrored(tmp_path: Path) -> None:
    store = _store(model_onnx=b"x", notes_txt=b"n", SHA256SUMS=format_checksums({"model.onnx": _SUM_OF_X}))
    assert [file.path for file in _fetch(store, tmp_path / "s").files] == ["model.onnx"]


def test_a_card_and_labels_added_after_the_checksums_are_taken_in(tmp_path: Path) -> None:
    store = _store(model_onnx=b"x", SHA256SUMS=format_checksums({"model.onnx": _SUM_OF_X}))
    store.put("m/1/model.yaml", b"schema: 1\noutput: {labels: labels.txt}\n")
    store.put("m/1/labels.txt", b"a\nb\n")
    staged = _fetch(store, tmp_path / "s")
    assert staged.card is not None
    assert staged.card.labels == ("a", "b")
    assert sorted(file.path for file in staged.files) == ["model.onnx", "model.yaml"]


def test_where_a_version_says_it_comes_from_is_kept_and_a_word_nobody_understands_is_logged(
    tmp_path: Path, logged: LogLines
) -> None:
    said = Provenance("mlflow", "cars", "7", "abc")
    store = _store(model_onnx=b"x", provenance_json=format_provenance(said))
    assert _fetch(store, tmp_path / "s").evidence.provenance == said
    store.put("m/1/provenance.json", b'{"registry": "mlflow", "name": "\\u001b[31m"}')
    assert _fetch(store, tmp_path / "t").evidence.provenance is None
    [line] = logged.of("provenance_unreadable")
    assert "control" in line["error"]
    assert _fetch(_store(model_onnx=b"x"), tmp_path / "u").evidence.provenance is None


@pytest.mark.parametrize(
    ("listed", "sentence"),
    [
        ({"model.onnx": "0" * 64}, "does not have the digest that SHA256SUMS lists"),
        ({"model.onnx": _SUM_OF_X, "more": _SUM_OF_X}, "waiting for more, named by SHA256SUMS"),
    ],
)
def test_checksums_that_do_not_hold_make_the_upload_incomplete(
    listed: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    store = _store(model_onnx=b"x", SHA256SUMS=format_checksums(listed))
    with pytest.raises(IncompleteError, match=sentence):
        _fetch(store, tmp_path / "s")


def test_wrong_bytes_that_come_twice_the_same_are_what_the_store_has(tmp_path: Path) -> None:
    store = MemoryStore()
    store.put("m/1/model.onnx", b"x", etag="0" * 32)
    assert _fetch(store, tmp_path / "s").files[0].sha256 == _SUM_OF_X
    assert len(store.reads) == 2


def test_wrong_bytes_that_differ_were_damaged_on_the_way(tmp_path: Path) -> None:
    store = _store(model_onnx=b"xxxx")
    store.on_read = lambda _key, _offset, _content: b"%04d" % len(store.reads)
    with pytest.raises(CorruptTransferError):
        _fetch(store, tmp_path / "s")
    store.on_read = lambda _key, _offset, content: content
    _fetch(store, tmp_path / "s")
    assert digest_file(tmp_path / "s" / "tree" / "model.onnx") != _SUM_OF_X
    assert (tmp_path / "s" / "tree" / "model.onnx").read_bytes() == b"xxxx"


def test_a_failed_fetch_ends_only_when_none_of_its_downloads_writes_any_more(tmp_path: Path) -> None:
    store = _store(model_xml=b"x", model_bin=b"y" * 10)
    go_on, waiting = threading.Event(), threading.Event()

    def on_read(key: str, _offset: int, content: bytes) -> bytes:
        if key.endswith(".bin"):
            waiting.set()
            assert go_on.wait(10)
            return content
        assert waiting.wait(10)
        raise RetryableError("the store went away")

    store.on_read = on_read
    outcome: list[EdgeError] = []

    def fetch(pool: ThreadPoolExecutor) -> None:
        try:
            _fetch(store, tmp_path / "s", Gate(store, pool, None))
        except RetryableError as error:
            outcome.append(error)

    with ThreadPoolExecutor(2) as pool:
        thread = threading.Thread(target=fetch, args=(pool,))
        thread.start()
        assert waiting.wait(10)
        thread.join(0.1)
        assert thread.is_alive()
        go_on.set()
        thread.join(10)
    assert str(outcome[0]) == "the store went away"
    assert (tmp_path / "s" / "tree" / "model.bin").read_bytes() == b"y" * 10


def test_a_bad_card_in_the_version_rejects_it(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match=r"1/model\.yaml: unknown key 'x'"):
        _fetch(_store(model_onnx=b"x", model_yaml=b"schema: 1\nx: 2\n"), tmp_path / "s")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("model_bin", b"version https://git-lfs.github.com/spec/v1\noid", "'model.bin' is a Git LFS pointer"),
        ("model_xml", b"<!DOCTYPE html><html>", "'model.xml' is a web page"),
        ("model_bin", b"", "'model.bin' is empty"),
    ],
)
def test_a_file_that_is_recognised_as_something_else_is_named(
    name: str, content: bytes, sentence: str, tmp_path: Path
) -> None:
    files = {"model_xml": b"<net/>", "model_bin": b"weights", name: content}
    with pytest.raises(RejectedError, match=sentence):
        _fetch(_store(**files), tmp_path / "s")


def _signing(folder: Path, store: MemoryStore, *, required: bool = False) -> tuple[SigningKey, Gate]:
    """A trusted key, and a gate that asks who made what lies in `store`."""
    made = MadeKey(folder)
    made.trust(folder / "trusted")
    check = SignatureCheck(TrustedKeys(folder / "trusted"), lambda: 0.0, required=required)
    return SigningKey(made.file), Gate(store, AtOnce(), None, signatures=check)


def test_a_signed_upload_proves_who_made_it_though_its_checksums_do_not_list_the_signature(
    tmp_path: Path,
) -> None:
    sums = format_checksums({"model.onnx": _SUM_OF_X})
    store = _store(model_onnx=b"x", notes_txt=b"n", SHA256SUMS=sums)
    key, gate = _signing(tmp_path, store, required=True)
    store.put("m/1/model.sig", key.sign("m", {"model.onnx": _SUM_OF_X}))
    staged = _fetch(store, tmp_path / "s", gate)
    assert staged.evidence.signature == Signature(key.fingerprint, "build.pem")
    assert [file.path for file in staged.files] == ["model.onnx", "model.sig"]


def test_an_unsigned_upload_is_rejected_only_where_signatures_are_required(tmp_path: Path) -> None:
    store = _store(model_onnx=b"x")
    _, gate = _signing(tmp_path, store)
    assert _fetch(store, tmp_path / "s", gate).evidence.signature is None
    _, gate = _signing(tmp_path, store, required=True)
    with pytest.raises(RejectedError, match="it is not signed, and SIGNATURES is 'require'"):
        _fetch(store, tmp_path / "s", gate)


@pytest.mark.parametrize(
    ("signed", "sentence"),
    [
        ({"model.onnx": "0" * 64}, "'model.onnx' is not what was signed by sha256:"),
        ({"model.onnx": _SUM_OF_X, "labels.txt": "0" * 64}, "'labels.txt' is missing"),
        ({"other.onnx": _SUM_OF_X}, "'other.onnx' is missing"),
    ],
)
def test_a_signature_over_other_files_rejects_the_upload(
    signed: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    store = _store(model_onnx=b"x")
    key, gate = _signing(tmp_path, store)
    store.put("m/1/model.sig", key.sign("m", signed))
    with pytest.raises(RejectedError, match=sentence):
        _fetch(store, tmp_path / "s", gate)
    assert gate.metrics.signatures.labels(result="rejected")._value.get() == 1


def test_a_huge_signature_is_not_read(tmp_path: Path) -> None:
    store = _store(model_onnx=b"x", model_sig=b" " * (2 * MAX_BUNDLE_BYTES))
    with pytest.raises(RejectedError, match=r"model\.sig is too large to be a signature"):
        _fetch(store, tmp_path / "s", _signing(tmp_path, store)[1])
