"""A store behind a certificate of one's own authority."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from edge_common.errors import FatalError, RetryableError
from model_sync.bucket.catalog import ListedObject
from model_sync.settings import Settings
from model_sync.store.s3_store import S3Bucket
from s3_server import S3Server

_LISTED = ListedObject("m/1/a", 10, "e", 0.0)


def _write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "b\u00fcro ca.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return public, private


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def _tls_in_front_of(endpoint: str, certificate: Path, key: Path) -> Iterator[str]:
    """Ends TLS and passes everything on to `endpoint`; yields the address for https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    host, _, port = endpoint.removeprefix("http://").partition(":")
    open_ones: list[socket.socket] = []

    def relay(plain: socket.socket) -> None:
        with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as client:
            open_ones.append(client)
            with socket.create_connection((host, int(port))) as store:
                back = threading.Thread(target=_pass_on, args=(store, client))
                back.start()
                _pass_on(client, store)
                back.join()

    def serve(listener: socket.socket) -> None:
        relays = []
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                relays.append(threading.Thread(target=relay, args=(plain,)))
                relays[-1].start()
        for client in open_ones:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for one in relays:
            one.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture
def behind_tls(s3: S3Server, s3_settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings for a bucket with one object, behind TLS, with the authority's file."""
    S3Bucket(s3_settings).put_small("m/1/a", b"content", "application/octet-stream")
    certificate, key = _write_certificate(tmp_path)
    with _tls_in_front_of(s3.endpoint, certificate, key) as endpoint:
        # the signature covers the host, which moto does not check
        yield s3_settings.model_copy(update={"s3_endpoint": endpoint, "s3_ca_file": certificate})


def test_everything_goes_over_tls_with_the_authority_that_is_named(behind_tls: Settings) -> None:
    bucket = S3Bucket(behind_tls)
    bucket.ensure_exists(create=False)
    (listed,) = bucket.list_objects()
    with bucket.open_object(listed) as stream:
        assert stream.read() == b"content"


def test_without_that_authority_nothing_is_read_and_the_certificate_is_named(behind_tls: Settings) -> None:
    bucket = S3Bucket(behind_tls.model_copy(update={"s3_ca_file": None}))
    with pytest.raises(RetryableError, match=r"(?i)certificate"):
        list(bucket.list_objects())
    with pytest.raises(RetryableError, match=r"(?i)certificate"), bucket.open_object(_LISTED):
        pass


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_without_a_certificate_is_told_by_its_setting(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FatalError, match=r"MODEL_SYNC_S3_CA_FILE .*ca\.pem"):
        S3Bucket(Settings(s3_endpoint="https://127.0.0.1:9", s3_ca_file=path))
