from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

import pytest
from model_sync.bucket.catalog import ListedObject, build_catalog
from model_sync.bucket.checksums import whole_sha256
from model_sync.store.listing import Page

_ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
    "<ETag>&#34;abc&#34;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


def _page(*keys: str, more: str = "", encoded: bool = False) -> Page:
    entries = "".join(_ENTRY.format(key=escape(key)) for key in keys)
    encoding = "<EncodingType>url</EncodingType>" if encoded else ""
    return Page(
        f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{encoding}{more}{entries}'
        "</ListBucketResult>".encode()
    )


def test_an_entry_is_read_whole() -> None:
    assert list(_page("m/1/a").objects()) == [ListedObject("m/1/a", 7, "abc", 1767323045.0)]


def test_encoded_and_plain_keys_are_told_apart() -> None:
    assert [entry.key for entry in _page("m/1/a+b%2Bc", encoded=True).objects()] == ["m/1/a b+c"]
    assert [entry.key for entry in _page("m/1/a+b%2B&c").objects()] == ["m/1/a+b%2B&c"]


def test_the_next_page_is_found_and_the_last_has_none() -> None:
    more = "<NextContinuationToken>a&amp;b==</NextContinuationToken>"
    assert _page("m/1/a", more=more).next_token == "a&b=="
    assert _page("m/1/a").next_token is None


def test_a_store_without_a_namespace_is_understood() -> None:
    body = _page("m/1/a").body.replace(b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', b"")
    assert [entry.key for entry in Page(body).objects()] == ["m/1/a"]


@pytest.mark.parametrize("body", [b"", b"<html><body/></html>", b"<ListBucketResult><Contents/>"])
def test_what_is_no_listing_is_refused(body: bytes) -> None:
    with pytest.raises((ValueError, ParseError)):
        list(Page(body).objects())


def test_an_entry_without_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="without Size"):
        list(Page(_page("m/1/a").body.replace(b"<Size>7</Size>", b"")).objects())


def test_an_unchanged_version_is_taken_from_the_listing_before() -> None:
    before = build_catalog([ListedObject(f"{m}/1/x.onnx", 1, "e", 0.0) for m in ("a", "b")])
    after = build_catalog([ListedObject(f"{m}/1/x.onnx", 1, m * 2, 0.0) for m in ("a", "b")], "", before)
    again = build_catalog([ListedObject(f"{m}/1/x.onnx", 1, m * 2, 0.0) for m in ("a", "b")], "", after)
    assert after.models["a"] != before.models["a"]
    assert again == after
    assert all(again.models[name] is after.models[name] for name in ("a", "b"))


def test_a_store_that_lists_in_no_order_gives_the_same_catalog() -> None:
    entries = [
        ListedObject(f"{model}/{version}/{name}", 1, "e", 0.0)
        for model in ("a", "b")
        for version in ("1", "x")
        for name in ("SHA256SUMS", "m.onnx", "sub/f")
    ]
    assert build_catalog(entries[::2] + entries[1::2]) == build_catalog(entries)


def test_only_the_digest_of_a_whole_object_counts() -> None:
    value = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert whole_sha256(value) == ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    assert whole_sha256(value + "-3") is None
    assert whole_sha256(None) is None
