import base64
import gzip
import hashlib
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from car_client.sources.fetch import Fetched, fetch, media_type_of
from car_client.sources.http_address import FetchError, address_for_people
from made_pictures import jpeg
from picture_server import PictureServer, answering, dripping, refused

PICTURE = jpeg("red")


@pytest.fixture
def camera() -> Iterator[PictureServer]:
    with PictureServer(PICTURE) as running:
        yield running


def with_user(camera: PictureServer, path: str) -> str:
    return camera.url.replace("http://", "http://u:p%20w@") + path


def get(
    address: str, *, max_bytes: int = 100_000, seconds: float = 5.0, only_public: bool = False
) -> Fetched:
    return fetch(address, max_bytes=max_bytes, seconds=seconds, only_public=only_public)


def test_a_picture_is_fetched_with_its_media_type(camera: PictureServer) -> None:
    assert get(f"{camera.url}/still?size=1#here") == Fetched("image/jpeg", PICTURE)
    assert len(get(f"{camera.url}/still", max_bytes=100).content) == 101
    assert media_type_of(f"{camera.url}/still") == "image/jpeg"


def test_a_still_picture_of_no_telling_type_is_known_by_its_begin(camera: PictureServer) -> None:
    camera.answers["/bytes"] = answering(PICTURE, Content_Type="application/octet-stream")
    camera.answers["/page"] = answering(b"<html>", Content_Type="text/html")
    assert [media_type_of(f"{camera.url}/{path}") for path in ("bytes", "page")] == [
        "image/jpeg",
        "text/html",
    ]


def test_what_comes_packed_without_having_been_asked_for_is_unpacked(camera: PictureServer) -> None:
    camera.answers["/gz"] = answering(gzip.compress(PICTURE), Content_Encoding="gzip")
    assert get(f"{camera.url}/gz").content == PICTURE
    assert get(f"{camera.url}/gz", max_bytes=len(PICTURE) // 2).content == PICTURE[: len(PICTURE) // 2 + 1]
    camera.answers["/odd"] = answering(PICTURE, Content_Encoding="gzip")
    with pytest.raises(FetchError, match="incorrect header check"):
        get(f"{camera.url}/odd")


def test_user_and_password_of_an_address_are_sent(camera: PictureServer) -> None:
    told: list[str | None] = []

    def guarded(handler: BaseHTTPRequestHandler) -> None:
        told.append(handler.headers["Authorization"])
        refused(401, WWW_Authenticate='Basic realm="camera"')(handler)

    camera.answers["/guarded"] = guarded
    with pytest.raises(FetchError, match=r"^status 401$"):
        get(with_user(camera, "/guarded"))
    assert told == ["Basic " + base64.b64encode(b"u:p w").decode()]


def test_a_camera_that_wants_a_digest_gets_one(camera: PictureServer) -> None:
    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    def guarded(handler: BaseHTTPRequestHandler) -> None:
        said = dict(re.findall(r'(\w+)="?([^",]+)"?', handler.headers["Authorization"] or ""))
        if "response" not in said:
            challenge = 'Digest realm="cam", nonce="n1", qop="auth", algorithm=MD5'
            refused(401, WWW_Authenticate=challenge)(handler)
            return
        secret, asked = md5("u", "cam", "p w"), md5("GET", "/guarded")
        right = md5(secret, "n1", said["nc"], said["cnonce"], "auth", asked)
        if said["response"] == right:
            handler.path = "/still"
            del camera.answers["/guarded"]
            handler.do_GET()  # type: ignore[attr-defined]  # of the server's own handler
        else:
            refused(403)(handler)

    camera.answers["/guarded"] = guarded
    assert get(with_user(camera, "/guarded")).content == PICTURE


def test_a_redirect_is_followed_but_never_elsewhere_with_credentials(camera: PictureServer) -> None:
    camera.answers["/here"] = refused(302, Location="/still")
    assert get(f"{camera.url}/here").content == PICTURE
    assert get(with_user(camera, "/here")).content == PICTURE
    with PictureServer(jpeg("blue")) as other:
        camera.answers["/there"] = refused(307, Location=f"{other.url}/still")
        assert get(f"{camera.url}/there").content == other.picture
        with pytest.raises(FetchError, match=f"it redirects to {other.url}/still, where its credentials"):
            get(with_user(camera, "/there"))
    camera.answers["/loop"] = refused(301, Location="/loop")
    with pytest.raises(FetchError, match="more than 5 redirects"):
        get(f"{camera.url}/loop")
    camera.answers["/file"] = refused(302, Location="file:///etc/passwd")
    with pytest.raises(FetchError, match="no http or https address"):
        get(f"{camera.url}/file")


def test_an_answer_that_drips_ends_at_the_limit_for_the_whole(camera: PictureServer) -> None:
    camera.answers["/drip"] = dripping
    with pytest.raises(FetchError, match=r"no whole answer within 0\.2 s"):
        get(f"{camera.url}/drip", seconds=0.2)


def test_a_stream_in_place_of_a_picture_is_named(camera: PictureServer) -> None:
    with pytest.raises(FetchError, match="it is a stream without an end"):
        get(f"{camera.url}/stream")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:9/x", "refused"),
        ("http://[::1", "Invalid IPv6"),
        ("ftp://a/b", "no http"),
        ("http:///x", "no http"),
    ],
)
def test_what_cannot_be_fetched_is_told_in_words(address: str, reason: str) -> None:
    with pytest.raises(FetchError, match=reason):
        get(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:8.8.8.8]", "0.0.0.0"]
)
def test_only_public_means_that_no_private_address_is_asked(camera: PictureServer, host: str) -> None:
    port = camera.url.rpartition(":")[2]
    with pytest.raises(FetchError, match="is no public address"):
        get(f"http://{host}:{port}/still", only_public=True)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://u:p@cam/a.jpg", "http://cam/a.jpg"),
        ("http://cam/s.cgi?user=a&pwd=geheim&x=1", "http://cam/s.cgi?user=a&pwd=***&x=1"),
        ("http://cam/\x1b[2J", "http://cam/\\x1b[2J"),
        ("http://[", "an address that cannot be read"),
    ],
)
def test_what_people_are_shown_of_an_address_has_no_secret(address: str, shown: str) -> None:
    assert address_for_people(address) == shown
