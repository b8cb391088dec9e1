"""Which requests to the store to do wrong, and in what way; the parts of a `FaultyStore`'s fault."""

import random
import re
import threading
from dataclasses import replace
from urllib.parse import unquote

from faulty_store import Change, Matches, Reply, Request

_CONTENTS = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)


def listings(request: Request) -> bool:
    """All listings of the bucket."""
    return request.is_listing


def objects(suffix: str = "") -> Matches:
    """Downloads of objects whose key ends with `suffix`."""
    return lambda request: request.method == "GET" and request.key != "" and request.key.endswith(suffix)


def everything(_request: Request) -> bool:
    """Every request."""
    return True


def answer(status: int, code: str) -> Change:
    """An S3 error instead of the answer."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>by order of a test</Message></Error>"
    error = Reply(status, (("Content-Type", "application/xml"),), body.encode(), len(body))
    return lambda _reply: error


def hang_up(_reply: Reply) -> Reply | None:
    """No answer, the connection ends."""
    return None


def never_answer(release: threading.Event) -> Change:
    """Nothing comes until `release`, or for 30 s more than anybody waits."""

    def change(_reply: Reply) -> Reply | None:
        release.wait(60.0)
        return None

    return change


def cut(share: float = 0.5) -> Change:
    """The connection ends after a share of the promised body."""
    return lambda reply: replace(reply, body=reply.body[: int(len(reply.body) * share)])


def shorten(share: float = 0.5) -> Change:
    """Only a share of the body, with a length that hides it."""

    def change(reply: Reply) -> Reply:
        body = reply.body[: int(len(reply.body) * share)]
        return replace(reply, body=body, promised=len(body))

    return change


def corrupt(reply: Reply) -> Reply:
    """One byte somewhere is another one."""
    place = random.randrange(len(reply.body)) if reply.body else 0
    wrong = bytes([reply.body[place] ^ 0xFF]) if reply.body else b""
    return replace(reply, body=reply.body[:place] + wrong + reply.body[place + 1 :])


def throttle(bytes_per_second: float) -> Change:
    """The body comes slowly."""
    return lambda reply: replace(reply, bytes_per_second=bytes_per_second)


def pause(event: threading.Event, share: float = 0.5) -> Change:
    """The second part of the body waits for `event`."""
    return lambda reply: replace(reply, pauses=((int(len(reply.body) * share), event),))


def list_without(*prefixes: str) -> Change:
    """A listing that lacks every key that begins with one of `prefixes`; an empty prefix: all keys."""

    def kept(match: re.Match[bytes]) -> bytes:
        key = re.search(rb"<Key>([^<]*)</Key>", match[0])
        name = unquote(key[1].decode()) if key else ""
        return b"" if name.startswith(prefixes) else match[0]

    def change(reply: Reply) -> Reply:
        body = _CONTENTS.sub(kept, reply.body)
        return replace(reply, body=body, promised=len(body))

    return change


def with_header(name: str, value: str | None) -> Change:
    """The same answer with another value of a header; None: without it."""

    def change(reply: Reply) -> Reply:
        others = tuple(pair for pair in reply.headers if pair[0].lower() != name.lower())
        return replace(reply, headers=others if value is None else (*others, (name, value)))

    return change


def instead(body: bytes, status: int = 200) -> Change:
    """Another page with the head of the right answer, as a gateway or a cache gives it."""
    return lambda reply: replace(reply, status=status, body=body, promised=len(body))


def in_listing(old: bytes, new: bytes) -> Change:
    """A listing with other text in it."""

    def change(reply: Reply) -> Reply:
        body = re.sub(old, new, reply.body)
        return reply if body == reply.body else replace(reply, body=body, promised=len(body))

    return change
