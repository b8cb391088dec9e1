from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_sync.bucket.catalog import Catalog, ListedObject, build_catalog
from model_sync.bucket.checksums import whole_sha256
from model_sync.store import listing as listing_module
from model_sync.store.errors import StoreFaultError
from model_sync.store.listing import Page, Pages, usable_etag, without_constants

_ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
    "<ETag>&#34;abc&#34;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
_END = "<IsTruncated>false</IsTruncated>"


def _cut(token: str = "") -> str:
    named = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return f"<KeyCount>1</KeyCount><IsTruncated>true</IsTruncated>{named}"


def _body(*keys: str, more: str = _END, encoded: bool = False) -> bytes:
    entries = "".join(_ENTRY.format(key=escape(key)) for key in keys)
    encoding = "<EncodingType>url</EncodingType>" if encoded else ""
    return (
        f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{encoding}{more}{entries}'
        "</ListBucketResult>".encode()
    )


def _keys(body: bytes) -> list[str]:
    return [entry.key for entry in Page(body).objects()]


def _read(*pages: Page) -> list[str]:
    """The keys that are read from `pages` as long as there is a following one."""
    held, keys = Pages(), []
    for page in pages:
        token = held.following(page)
        keys += [one.key for one in held.objects(page)]
        if token is None:
            break
    return keys


def test_an_entry_is_read_whole() -> None:
    assert list(Page(_body("m/1/a")).objects()) == [ListedObject("m/1/a", 7, "abc", 1767323045.0)]


def test_encoded_and_plain_keys_are_told_apart() -> None:
    assert _keys(_body("m/1/a+b%2Bc", encoded=True)) == ["m/1/a b+c"]
    assert _keys(_body("m/1/a+b%2B&c")) == ["m/1/a+b%2B&c"]


@pytest.mark.parametrize("written", [b"\x01", b"&#x1;", b"&#27;", b"\xef\xbf\xbe", b"\xe9", b"%E9", b"%01"])
def test_a_key_that_is_no_text_concerns_its_own_version(written: bytes) -> None:
    body = _body("odd/1/@.onnx", "good/1/m.onnx", encoded=written[:1] == b"%").replace(b"@", written)
    models = build_catalog(Page(body).objects()).models
    assert models["good"].versions["1"].problem is None
    assert "control or invisible character" in (models["odd"].versions["1"].problem or "")


def test_keys_that_the_store_does_not_escape_are_read() -> None:
    assert _keys(_body("m/1/@").replace(b"@", b"a & b&c;")) == ["m/1/a & b&c;"]


def test_the_next_page_is_found_and_the_last_has_none() -> None:
    assert Page(_body("m/1/a", more=_cut("a&amp;b=="))).next_token == "a&b=="
    assert Page(_body("m/1/a")).next_token is None


def test_a_store_without_a_namespace_is_understood() -> None:
    assert _keys(_body("m/1/a").replace(b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', b"")) == [
        "m/1/a"
    ]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "no listing"),
        (b"<html><body/></html>", "answered a listing with <html>"),
        (b"<Error><Code>SlowDown</Code></Error>", "<Error>"),
        (b"<ListBucketResult><Contents/>", "no listing"),
        (_body("m/1/a", more=""), "does not say whether the listing is complete"),
        (_body("m/1/a", more="<IsTruncated>perhaps</IsTruncated>"), "does not say whether"),
        (_body("m/1/a", more=_cut()), "is cut, and nothing says where it goes on"),
        (_body("m/1/a", more=_cut(" ")), "is cut, and nothing says where it goes on"),
        (
            _body("m/1/a", more="<Marker/><NextMarker>m/1/a</NextMarker><IsTruncated>true</IsTruncated>"),
            "format of 2006",
        ),
    ],
)
def test_what_may_be_incomplete_is_no_listing(body: bytes, sentence: str) -> None:
    with pytest.raises(StoreFaultError, match=sentence):
        list(Page(body).objects())


def test_a_short_listing_in_the_old_format_is_complete() -> None:
    assert _keys(_body("m/1/a", more="<Marker/><IsTruncated>false</IsTruncated>")) == ["m/1/a"]


def test_pages_are_read_to_the_end() -> None:
    pages = Page(_body("a", more=_cut("1"))), Page(_body(more=_cut("2"))), Page(_body("b"))
    assert _read(*pages) == ["a", "b"]


@pytest.mark.parametrize("tokens", [["1", "1"], ["1", "2", "1"]])
def test_a_token_that_comes_again_is_told(tokens: list[str]) -> None:
    pages = [Page(_body(f"k{n}", more=_cut(token))) for n, token in enumerate(tokens)]
    with pytest.raises(StoreFaultError, match="leads in a circle"):
        _read(*pages)


def test_a_page_that_comes_again_under_another_token_is_told() -> None:
    pages = [Page(_body("a", "b", more=_cut(str(n)))) for n in range(3)]
    with pytest.raises(StoreFaultError, match="repeats the page that begins with 'a'"):
        _read(*pages)


def test_a_page_that_begins_with_the_last_object_of_the_one_before_is_read() -> None:
    assert _read(Page(_body("a", "b", more=_cut("1"))), Page(_body("b", "c"))) == ["a", "b", "c"]


def test_a_token_although_there_is_no_more_is_followed_once() -> None:
    complete = f"{_END}<NextContinuationToken>1</NextContinuationToken>"
    assert _read(*[Page(_body(key, more=complete)) for key in ("a", "b", "c")]) == ["a", "b"]


def test_a_listing_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_module, "MOST_OBJECTS", 10)
    monkeypatch.setattr(listing_module, "_MOST_PAGES", 20)
    full = (Page(_body(f"a{n}", f"b{n}", more=_cut(f"t{n}"))) for n in range(100))
    with pytest.raises(StoreFaultError, match="more than 10 objects; set MODEL_SYNC_PREFIX"):
        _read(*full)
    empty = (Page(_body(more=_cut(f"t{n}"))) for n in range(100))
    with pytest.raises(StoreFaultError, match="more than 20 pages"):
        _read(*empty)


@pytest.mark.parametrize(
    ("there", "instead", "expected"),
    [
        ("<ETag>&#34;abc&#34;</ETag>", "", ListedObject("m/1/a", 7, "", 1767323045.0)),
        ("&#34;abc&#34;", "", ListedObject("m/1/a", 7, "", 1767323045.0)),
        ("&#34;abc&#34;", 'W/"abc"', ListedObject("m/1/a", 7, "abc", 1767323045.0)),
        ("2026-01-02T03:04:05.000Z", "yesterday", ListedObject("m/1/a", 7, "abc", 0.0)),
        ("2026-01-02T03:04:05.000Z", "0001-01-01T00:00:00Z", ListedObject("m/1/a", 7, "abc", 0.0)),
        ("2026-01-02T03:04:05.000Z", "9999-12-31T23:59:59Z", ListedObject("m/1/a", 7, "abc", 0.0)),
        ("2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05", ListedObject("m/1/a", 7, "abc", 1767323045.0)),
        (
            "2026-01-02T03:04:05.000Z",
            "Fri, 02 Jan 2026 03:04:05 GMT",
            ListedObject("m/1/a", 7, "abc", 1767323045.0),
        ),
        ("<LastModified>2026-01-02T03:04:05.000Z</LastModified>", "", ListedObject("m/1/a", 7, "abc", 0.0)),
    ],
)
def test_an_entry_without_etag_or_date_is_listed_without(
    there: str, instead: str, expected: ListedObject
) -> None:
    body = _body("m/1/a").replace(there.encode(), instead.encode())
    assert list(Page(body).objects()) == [expected]


@pytest.mark.parametrize("size", ["", "-7", "7.5", "many", "1" * 30])
def test_an_odd_size_concerns_its_own_version(size: str) -> None:
    body = _body("m/1/a", "n/1/a").replace(b"<Size>7</Size>", f"<Size>{size}</Size>".encode(), 1)
    models = build_catalog(Page(body).objects()).models
    assert "'m/1/a'" in str(models["m"].versions["1"].problem)
    assert models["n"].versions["1"].problem is None


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_entry_stops_the_others(size: str, etag: str, modified: str) -> None:
    def xml(text: str) -> str:
        return "".join(f"&#{ord(c)};" for c in text if c.isprintable())

    entry = f"<Contents><Key>m/1/a</Key><Size>{xml(size)}</Size><ETag>{xml(etag)}</ETag>"
    odd = f"{entry}<LastModified>{xml(modified)}</LastModified></Contents>"
    listed = list(Page(_body("n/1/a").replace(b"<Contents>", f"{odd}<Contents>".encode(), 1)).objects())
    assert [one.key for one in listed] == ["m/1/a", "n/1/a"]
    assert 0 <= listed[0].modified < 2**31
    assert listed[0].size >= 0


def test_etags_that_tell_nothing_are_none() -> None:
    nothing = "d41d8cd98f00b204e9800998ecf8427e"
    assert usable_etag(f'"{nothing}"', 0) == nothing
    assert usable_etag(f'"{nothing}"', 7) == ""
    listed = [
        ListedObject(key, size, etag, 0.0)
        for key, size, etag in (("a", 1, "x"), ("b", 2, "x"), ("c", 3, "y"))
    ]
    constants: set[str] = set()
    assert [one.etag for one in without_constants(listed, constants)] == ["", "", "y"]
    assert [one.etag for one in without_constants(listed[:1], constants)] == [""], "what was seen once holds"


@pytest.mark.parametrize(
    ("modified", "told"), [(5.0, "is noticed by its date"), (0.0, "goes unnoticed, so give it a new version")]
)
def test_what_cannot_be_known_without_etags_is_told_and_dates_stand_in(modified: float, told: str) -> None:
    def catalog(at: float) -> Catalog:
        return build_catalog([ListedObject("m/1/a", 1, "", at), ListedObject("n/1/a", 1, "e" * 32, at)])

    assert told in " ".join(catalog(modified).notices)
    before, after = (catalog(at).models for at in (modified, 9.0))
    assert before["m"].versions["1"].upload_id != after["m"].versions["1"].upload_id
    assert before["n"].versions["1"].upload_id == after["n"].versions["1"].upload_id


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


def test_of_a_key_that_is_listed_twice_the_newer_entry_holds() -> None:
    old, new = ListedObject("m/1/a", 7, "x", 10.0), ListedObject("m/1/a", 8, "y", 20.0)
    once = build_catalog([new])
    assert build_catalog([old, new]).models == build_catalog([new, old]).models == once.models
    assert build_catalog([new, new]).models == once.models


def test_only_the_digest_of_a_whole_object_counts() -> None:
    value = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert whole_sha256(value) == ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    assert whole_sha256(value + "-3") is None
    assert whole_sha256(None) is None
