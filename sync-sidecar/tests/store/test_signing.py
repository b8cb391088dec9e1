"""Where keys come from, and signatures held against Amazon's published examples."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from edge_common.errors import FatalError
from minio.credentials.credentials import Credentials as SdkCredentials
from minio.credentials.providers import IamAwsProvider
from model_sync.settings import PREFIX, read_settings
from model_sync.store.signing import (
    Credentials,
    DefaultChain,
    credential_source,
    path_of,
    query_of,
    signed_headers,
)

_KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
_NOW = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
_HOST = "examplebucket.s3.amazonaws.com"


def _signature(path: str, query: str, headers: dict[str, str]) -> str:
    signed = signed_headers(
        "GET", _HOST, path, query, headers, credentials=_KEYS, region="us-east-1", now=_NOW
    )
    return signed["authorization"].rpartition("Signature=")[2]


def test_a_ranged_read_is_signed_as_in_the_published_example() -> None:
    assert (
        _signature("/test.txt", "", {"range": "bytes=0-9"})
        == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_a_listing_is_signed_as_in_the_published_example() -> None:
    query = query_of({"prefix": "J", "max-keys": "2"})
    assert query == "max-keys=2&prefix=J"
    assert _signature("/", query, {}) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"


def test_a_query_without_a_value_is_signed_as_in_the_published_example() -> None:
    query = query_of({"lifecycle": ""})
    assert query == "lifecycle="
    assert _signature("/", query, {}) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"


def test_everything_but_slashes_and_unreserved_characters_is_encoded_in_a_path() -> None:
    assert path_of("a b/\u00fc+%~_-.!*'()") == "a%20b/%C3%BC%2B%25~_-.%21%2A%27%28%29"


def test_keys_are_never_shown() -> None:
    assert "wJalr" not in repr(_KEYS)


_LATER = "2100-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _no_credentials_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")

    def nobody(_role: object) -> SdkCredentials:
        raise ValueError("no instance role in this test")

    monkeypatch.setattr(IamAwsProvider, "retrieve", nobody)


@contextmanager
def _answering(body: str) -> Iterator[tuple[str, list[str]]]:
    """A service that answers everything with `body`; yields its address and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked.append(f"{self.path} {self.rfile.read(length).decode()}")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_the_environment_is_used_when_no_keys_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment\n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-key\r\n")
    assert DefaultChain().current().access_key == "from-the-environment"


def test_a_credentials_file_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/credentials")
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = from-a-file\naws_secret_access_key = secret-key\n"
    )
    assert DefaultChain().current().access_key == "from-a-file"


def test_the_role_of_the_container_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    role = {"AccessKeyId": "from-a-role", "SecretAccessKey": "s", "Token": "t", "Expiration": _LATER}
    with _answering(json.dumps(role)) as (address, _):
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{address}/role")
        found = DefaultChain().current()
    assert (found.access_key, found.session_token) == ("from-a-role", "t")


def test_a_web_identity_is_exchanged_for_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    (tmp_path / "token").write_text("who-i-am")
    answer = (
        '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>from-an-identity</AccessKeyId>"
        f"<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{_LATER}</Expiration>"
        "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/reader")
    with _answering(answer) as (address, asked):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", address)
        found = DefaultChain().current()
    assert found.access_key == "from-an-identity"
    assert "who-i-am" in asked[0]


def test_without_any_source_the_sentence_names_the_settings() -> None:
    with pytest.raises(FatalError, match="set MODEL_SYNC_S3_ACCESS_KEY and MODEL_SYNC_S3_SECRET_KEY"):
        DefaultChain().current()


def test_keys_in_files_are_read_again_when_the_store_refuses_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    access, secret = tmp_path / "access", tmp_path / "secret"

    def write(name: str) -> None:
        access.write_text(f"{name}\n")
        secret.write_text(f"secret-{name}\n")

    write("old")
    for name, path in (("S3_ACCESS_KEY_FILE", access), ("S3_SECRET_KEY_FILE", secret)):
        monkeypatch.setenv(f"{PREFIX}{name}", str(path))
    keys = credential_source(
        read_settings({f"{PREFIX}S3_{n}_KEY_FILE": str(tmp_path / n.lower()) for n in ("ACCESS", "SECRET")})
    )
    write("new")
    assert keys.current().access_key == "old"
    assert (keys.renewed().access_key, keys.current().secret_key) == ("new", "secret-new")
    access.unlink()  # in the middle of a rotation
    assert keys.renewed().access_key == "new"
