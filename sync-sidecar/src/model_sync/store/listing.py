"""A listing, page by page, and whether it is complete. Pure.

A listing that is cut looks like a bucket from which models were removed, so it is complete only when the
store says so. One odd entry concerns its own version and no other. The SDK's reader takes some 80
microseconds for each object; this one takes about a tenth of that, which decides what a poll of a large
bucket costs.
"""

import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element, ParseError, fromstring

from model_sync.bucket.catalog import ListedObject
from model_sync.bucket.keys import MAX_VERSION, quoted
from model_sync.store.errors import StoreFaultError

PAGE_OBJECTS = "1000"
"""Objects in one page; more are not given by any store."""
MOST_OBJECTS = 500_000
"""Of one listing; each takes about a kilobyte of memory."""
_MOST_PAGES = 2 * MOST_OBJECTS // int(PAGE_OBJECTS)

_OLD = "the store lists in the format of 2006, with markers; it has to answer ListObjectsV2"
_MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"
_SIZE = re.compile(r"\s*\+?(\d{1,18})\s*")
_NOT_TEXT = "\ufdd0"
"""In place of what no XML holds, or is no UTF-8; it is no character, so that its key is told as unusable."""
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_UTF8 = re.compile(r"[\udc80-\udcff]")
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,8}));")
_BARE_AMPERSAND = re.compile(r"&(?!(?:#\w{1,9}|amp|lt|gt|quot|apos);)")


class Page:
    """One answer to ListObjectsV2."""

    def __init__(self, body: bytes, *, partial: bool = False) -> None:
        """Raises StoreFaultError when `body` is no listing, or leaves open whether there is more.

        `partial`: nobody wants to know whether there is more.
        """
        self._root = _parsed(body)
        self._space = self._root.tag.removesuffix("ListBucketResult")
        if self._space == self._root.tag:
            raise StoreFaultError(f"it answered a listing with <{self._root.tag}>")
        said = self._text(self._root, "IsTruncated").lower()
        if not partial and said not in {"true", "false"}:
            raise StoreFaultError("it does not say whether the listing is complete (IsTruncated)")
        self.truncated = not partial and said == "true"
        self.next_token = self._text(self._root, "NextContinuationToken") or None
        """What to ask the next page with."""
        if self.truncated and self.next_token is None:
            old = self._text(self._root, "KeyCount") == ""
            raise StoreFaultError(_OLD if old else "the listing is cut, and nothing says where it goes on")

    def objects(self) -> Iterator[ListedObject]:
        """Every object of the page."""
        encoded = self._text(self._root, "EncodingType") == "url"
        names = ("Key", "Size", "ETag", "LastModified")
        key, size, etag, modified = (f"{self._space}{name}" for name in names)
        for entry in self._root.iter(f"{self._space}Contents"):
            name = entry.findtext(key) or ""
            bytes_, problem = _size(entry.findtext(size))
            yield ListedObject(
                _decoded(name) if encoded else name,
                bytes_,
                usable_etag(entry.findtext(etag) or "", bytes_),
                _seconds(entry.findtext(modified) or ""),
                problem,
            )

    def _text(self, element: Element, name: str) -> str:
        return (element.findtext(f"{self._space}{name}") or "").strip()


@dataclass
class Pages:
    """The pages of one listing, held against each other."""

    _tokens: set[str] = field(default_factory=set)
    _first_keys: set[str] = field(default_factory=set)
    _last_key: str | None = None
    _objects: int = 0
    _count: int = 0

    def following(self, page: Page) -> str | None:
        """What to ask the page after `page` with; None when the listing is complete.

        Raises StoreFaultError when the store leads in a circle, or on without end.
        """
        self._count += 1
        if self._count > _MOST_PAGES:
            raise StoreFaultError(f"the listing has more than {_MOST_PAGES} pages")
        token = page.next_token
        if token is None or token not in self._tokens:
            self._tokens.add(token or "")
            return token  # also where the store says that there is no more: to look does no harm
        if page.truncated:
            raise StoreFaultError("the listing leads in a circle: a page names one that was read already")
        return None

    def objects(self, page: Page) -> list[ListedObject]:
        """The objects of `page` that no page before had; raises StoreFaultError when it is one of those."""
        listed = list(page.objects())
        if listed and listed[0].key == self._last_key:
            listed = listed[1:]  # some stores begin a page with the last object of the one before
        if not listed:
            return []
        if listed[0].key in self._first_keys:
            raise StoreFaultError(f"the listing repeats the page that begins with {quoted(listed[0].key)}")
        self._first_keys.add(listed[0].key)
        self._last_key = listed[-1].key
        self._objects += len(listed)
        if self._objects > MOST_OBJECTS:
            raise StoreFaultError(
                f"the bucket lists more than {MOST_OBJECTS} objects; set MODEL_SYNC_PREFIX to look at fewer"
            )
        return listed


def usable_etag(text: str, size: int) -> str:
    """The ETag without its quotes; empty when it cannot tell one state of an object from another."""
    etag = text.replace('"', "").strip().removeprefix("W/")
    return "" if etag.lower() == _MD5_OF_NOTHING and size != 0 else etag


def without_constants(listed: list[ListedObject], constants: set[str]) -> list[ListedObject]:
    """`listed` without the ETags in `constants`, to which those are added that objects of two sizes share."""
    sizes: dict[str, int] = {}
    for one in listed:
        if one.etag and one.size != sizes.setdefault(one.etag, one.size):
            constants.add(one.etag)
    if not constants:
        return listed
    return [one._replace(etag="") if one.etag in constants else one for one in listed]


def _parsed(body: bytes) -> Element:
    """The XML in `body`; a store that encodes no keys may write control characters and `&` as they are."""
    try:
        return fromstring(body)  # noqa: S314 - expat expands no external entity, and bounds internal ones
    except ParseError as error:
        text = _NO_XML.sub(_NOT_TEXT, body.decode("utf-8", "surrogateescape"))
        try:
            return fromstring(_BARE_AMPERSAND.sub("&amp;", _REFERENCE.sub(_referred, text)))  # noqa: S314 - as above
        except ParseError:
            raise StoreFaultError(f"what it answered is no listing ({error})") from error


def _referred(reference: re.Match[str]) -> str:
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    return _NOT_TEXT if code > sys.maxunicode or _NO_XML.match(chr(code)) else reference[0]


def _decoded(name: str) -> str:
    return _NO_UTF8.sub(_NOT_TEXT, unquote_plus(name, errors="surrogateescape"))


def _size(text: str | None) -> tuple[int, str | None]:
    """Bytes, and what is wrong with the entry."""
    match = _SIZE.fullmatch(text or "")
    if match is not None:
        return int(match[1]), None
    said = "no size" if text is None else f"the size {quoted(text)}"
    return 0, f"the store lists it with {said}; upload it again, or ask whoever runs the store"


def _seconds(text: str) -> float:
    """Unix seconds of a date; 0.0 for none, and for one that no upload can have."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, IndexError):
            return 0.0
    try:
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return 0.0
    return seconds if math.isfinite(seconds) and 0 < seconds < MAX_VERSION else 0.0
