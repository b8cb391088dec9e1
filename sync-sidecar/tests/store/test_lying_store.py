"""A store, or something before it, that does not keep S3's rules: lies by operations.

Whatever it answers, the bytes that come out are those that were uploaded, or an error says what was wrong.
"""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import store_faults as lies
from edge_common.errors import EdgeError, RetryableError
from faulty_store import Change, FaultyStore, Reply
from model_sync.bucket.catalog import ListedObject, UploadObject
from model_sync.download import object_download, ranged_download
from model_sync.download.object_download import CorruptTransferError, download
from model_sync.settings import Settings
from model_sync.store.errors import ObjectChangedError
from model_sync.store.object_store import read_small
from model_sync.store.s3_store import S3Bucket
from s3_server import S3Server

_PIECE = 64 * 1024
_CONTENT = bytes(range(256)) * 1024
_KEY = "m/1/model.bin"
_PAGE = b"<html>maintenance</html>"


@pytest.fixture
def faulty(s3: S3Server) -> Iterator[FaultyStore]:
    with FaultyStore(s3.endpoint) as store:
        yield store


@pytest.fixture
def bucket(faulty: FaultyStore, s3_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> S3Bucket:
    """A bucket with one object of four pieces, behind the relay."""
    for module in (object_download, ranged_download):
        monkeypatch.setattr(module, "PIECE", _PIECE)
    monkeypatch.setattr(object_download, "RANGED_FROM", 2 * _PIECE)
    made = S3Bucket(s3_settings.model_copy(update={"s3_endpoint": faulty.endpoint}))
    made.put_small(_KEY, _CONTENT, "application/octet-stream")
    return made


def _listed(bucket: S3Bucket) -> ListedObject:
    (listed,) = bucket.list_objects()
    return listed


def _download(bucket: S3Bucket, listed: ListedObject, folder: Path) -> tuple[bytes, int]:
    """What lies in the part in the end, and the progress that was told."""
    file = UploadObject("model.bin", listed.key, listed.size, listed.etag, listed.modified)
    told: list[int] = []
    with ThreadPoolExecutor(3) as helpers:
        sha256 = download(
            bucket,
            file,
            folder / "part",
            cancelled=threading.Event(),
            progress=told.append,
            helpers=helpers,
        )
    content = (folder / "part").read_bytes()
    assert hashlib.sha256(content).hexdigest() == sha256
    return content, sum(told)


_WRONG_ANSWERS = {
    "another ETag": lies.with_header("ETag", '"00000000000000000000000000000000"'),
    "another page": lies.instead(_PAGE),
    "an empty page": lies.instead(b""),
    "half of it": lies.shorten(),
    "another range": lies.with_header("Content-Range", f"bytes 7-{_PIECE + 6}/{len(_CONTENT)}"),
    "no range named": lies.with_header("Content-Range", None),
    "a range that is none": lies.with_header("Content-Range", "bytes of it"),
    "another size": lies.with_header("Content-Range", f"bytes 0-{_PIECE - 1}/{len(_CONTENT) + 1}"),
    "one wrong byte": lies.corrupt,
    "a connection that ends": lies.hang_up,
    "an error": lies.answer(503, "SlowDown"),
}


@pytest.mark.parametrize("lie", _WRONG_ANSWERS.values(), ids=_WRONG_ANSWERS.keys())
@pytest.mark.parametrize("operation", ["ranged read", "whole read", "small read"])
def test_wrong_bytes_never_come_out_of_a_read(
    faulty: FaultyStore, bucket: S3Bucket, tmp_path: Path, lie: Change, operation: str
) -> None:
    listed = _listed(bucket)
    if operation == "whole read":
        object_download.RANGED_FROM = 10 * len(_CONTENT)  # the fixture's patch takes it back
    faulty.fault = (lies.objects(), lie)
    with suppress(EdgeError):
        if operation == "small read":
            content = read_small(bucket, listed, limit=len(_CONTENT))
            # a small object has no digest of its own, so one wrong byte is found by its reader
            assert content == _CONTENT or lie is lies.corrupt
        else:
            assert _download(bucket, listed, tmp_path)[0] == _CONTENT
    assert faulty.struck
    faulty.fault = None
    assert read_small(bucket, listed, limit=len(_CONTENT)) == _CONTENT, "one lie is not believed for ever"


def test_a_store_that_ignores_ranges_is_read_whole(
    faulty: FaultyStore, bucket: S3Bucket, tmp_path: Path
) -> None:
    faulty.unheard = frozenset({"range"})
    assert _download(bucket, _listed(bucket), tmp_path) == (_CONTENT, len(_CONTENT))


def test_where_ranges_are_ignored_a_begun_part_is_begun_anew(
    faulty: FaultyStore, bucket: S3Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_download, "RANGED_FROM", 10 * len(_CONTENT))
    faulty.unheard = frozenset({"range"})
    (tmp_path / "part").write_bytes(_CONTENT[:1000])
    assert _download(bucket, _listed(bucket), tmp_path) == (_CONTENT, len(_CONTENT))


def test_an_overwrite_is_noticed_although_the_store_ignores_if_match(
    faulty: FaultyStore, bucket: S3Bucket, tmp_path: Path
) -> None:
    listed = _listed(bucket)
    faulty.unheard = frozenset({"if-match"})
    bucket.put_small(_KEY, _CONTENT[::-1], "application/octet-stream")
    with pytest.raises(ObjectChangedError, match="another ETag than it was listed with"):
        _download(bucket, listed._replace(modified=1.0), tmp_path)
    with pytest.raises(ObjectChangedError):
        read_small(bucket, listed._replace(modified=1.0), limit=len(_CONTENT))


def test_a_store_that_does_not_know_if_match_is_read_without(
    faulty: FaultyStore, bucket: S3Bucket, tmp_path: Path
) -> None:
    listed = _listed(bucket)
    asked = 0

    def once(reply: Reply) -> Reply | None:
        nonlocal asked
        asked += 1
        return lies.answer(501, "NotImplemented")(reply) if asked == 1 else reply

    faulty.fault = (lies.objects(), once)
    assert _download(bucket, listed, tmp_path)[0] == _CONTENT


@pytest.mark.parametrize("etag", ["0x8D9953E36AF2607-1", "A" * 32])
def test_where_listing_and_object_carry_different_etags_the_date_decides(
    bucket: S3Bucket, tmp_path: Path, etag: str
) -> None:
    listed = _listed(bucket)._replace(etag=etag)
    if etag.startswith("0x"):
        assert _download(bucket, listed, tmp_path)[0] == _CONTENT
    with pytest.raises(ObjectChangedError):
        read_small(bucket, listed._replace(modified=listed.modified - 60), limit=len(_CONTENT))


def test_where_no_date_tells_it_either_the_listing_is_asked_again(
    faulty: FaultyStore, bucket: S3Bucket, tmp_path: Path
) -> None:
    etag = _listed(bucket).etag.encode()

    def lie(reply: Reply) -> Reply | None:
        made_up = lies.in_listing(etag, b"made-up")(reply)
        return lies.with_header("Last-Modified", None)(made_up) if made_up is not None else None

    faulty.fault = (lies.everything, lie)
    listed = _listed(bucket)
    assert listed.etag == "made-up"
    assert _download(bucket, listed, tmp_path)[0] == _CONTENT
    bucket.put_small(_KEY, _CONTENT[::-1], "application/octet-stream")
    with pytest.raises(ObjectChangedError):
        read_small(bucket, listed._replace(modified=listed.modified - 60), limit=len(_CONTENT))


def test_without_any_etag_the_date_binds_each_part(
    faulty: FaultyStore, bucket: S3Bucket, tmp_path: Path
) -> None:
    listed = _listed(bucket)._replace(etag="")
    faulty.fault = (lies.objects(), lies.with_header("ETag", None))
    assert _download(bucket, listed, tmp_path)[0] == _CONTENT
    (tmp_path / "other").mkdir()
    with pytest.raises(ObjectChangedError):
        _download(bucket, listed._replace(modified=listed.modified - 60), tmp_path / "other")


def test_what_tells_neither_etag_nor_date_is_read_in_one_piece(
    faulty: FaultyStore, bucket: S3Bucket, tmp_path: Path
) -> None:
    listed = _listed(bucket)._replace(etag="", modified=0.0)
    faulty.fault = (lies.objects(), lies.with_header("ETag", None))
    assert _download(bucket, listed, tmp_path) == (_CONTENT, len(_CONTENT))


def test_an_etag_in_capitals_is_the_same(bucket: S3Bucket, faulty: FaultyStore, tmp_path: Path) -> None:
    listed = _listed(bucket)
    faulty.unheard = frozenset({"if-match"})
    assert _download(bucket, listed._replace(etag=listed.etag.upper()), tmp_path)[0] == _CONTENT


def test_of_an_encrypted_object_the_etag_proves_nothing_until_one_did(
    faulty: FaultyStore, bucket: S3Bucket, tmp_path: Path
) -> None:
    listed = _listed(bucket)
    faulty.fault = (lies.objects(), lies.with_header("x-amz-server-side-encryption", "AES256"))
    faulty.unheard = frozenset({"if-match"})
    other = "f" * 32

    def encrypted(reply: Reply) -> Reply:
        changed = lies.with_header("ETag", f'"{other}"')(reply)
        assert changed is not None
        return lies.with_header("x-amz-server-side-encryption", "AES256")(changed) or changed

    faulty.fault = (lies.objects(), encrypted)
    assert _download(bucket, listed._replace(etag=other), tmp_path)[0] == _CONTENT
    bucket.md5_etags.add(True)
    (tmp_path / "again").mkdir()
    with pytest.raises(CorruptTransferError):
        _download(bucket, listed._replace(etag=other), tmp_path / "again")


_WRONG_LISTINGS = {
    "no end": lies.in_listing(rb"<IsTruncated>false", b"<IsTruncated>true"),
    "nothing about its end": lies.in_listing(rb"<IsTruncated>false</IsTruncated>", b""),
    "another page": lies.instead(_PAGE),
    "an empty page": lies.instead(b""),
    "half of it": lies.shorten(),
    "a connection that ends": lies.cut(),
    "no answer": lies.hang_up,
    "an error": lies.answer(500, "InternalError"),
}


@pytest.mark.parametrize("lie", _WRONG_LISTINGS.values(), ids=_WRONG_LISTINGS.keys())
def test_a_listing_that_may_be_incomplete_is_an_error(
    faulty: FaultyStore, bucket: S3Bucket, lie: Change
) -> None:
    faulty.fault = (lies.listings, lie)
    with pytest.raises(RetryableError, match=r"cannot list the bucket .*; .+"):
        list(bucket.list_objects())
    faulty.fault = None
    assert [one.key for one in bucket.list_objects()] == [_KEY]


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_write_that_is_refused_is_an_error(faulty: FaultyStore, bucket: S3Bucket, status: int) -> None:
    faulty.fault = (lambda request: request.method in {"PUT", "HEAD"}, lies.answer(status, "No"))
    with pytest.raises(EdgeError):
        bucket.put_small("a", b"x", "text/plain")
    with pytest.raises(EdgeError):
        bucket.ensure_exists(create=True)
