import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from edge_common.errors import RejectedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_sync.planning.evidence import Signature
from model_sync.trust.bundle import MAX_BUNDLE_BYTES, parse_bundle, signed_files
from model_sync.trust.sign import SigningKey
from model_sync.trust.trusted_keys import TrustedKeys
from model_sync.trust.verify import AlteredError, UntrustedError, verify
from signing_keys import MadeKey

_FILES = {"model.onnx": "a" * 64, "labels.txt": "b" * 64}


class _Signer:
    """A key that is trusted in `keys`, and what it signed."""

    def __init__(self, folder: Path) -> None:
        self.made = MadeKey(folder)
        self.keys = TrustedKeys(folder / "trusted")
        self.made.trust(self.keys.folder)
        self.key = SigningKey(self.made.file)
        self.bundle = self.key.sign("cars", _FILES)

    def verify(self, content: bytes | None = None, files: dict[str, str] | None = None) -> Signature:
        keyring = self.keys.read()
        return verify(self.bundle if content is None else content, files or _FILES, keyring, ["cars"], 0.0)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> _Signer:
    return _Signer(tmp_path_factory.mktemp("signer"))


def test_what_was_signed_here_holds_here(signer: _Signer) -> None:
    assert signer.verify() == Signature(signer.key.fingerprint, "build.pem")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({**_FILES, "model.onnx": "c" * 64}, "'model.onnx' is not what was signed by "),
        ({"model.onnx": "a" * 64}, "'labels.txt' is missing, of what was signed by "),
        ({**_FILES, "more.bin": "d" * 64}, "'more.bin' is not among what was signed by "),
        ({"other.onnx": "e" * 64}, "'labels.txt' is missing, of what was signed by "),
    ],
)
def test_a_file_that_differs_is_named_with_the_signer(
    signer: _Signer, files: dict[str, str], sentence: str
) -> None:
    with pytest.raises(AlteredError) as caught:
        signer.verify(files=files)
    assert str(caught.value).startswith(f"{sentence}{signer.key.fingerprint} (build.pem)")


def test_what_is_never_mirrored_neither_lacks_nor_disturbs(signer: _Signer) -> None:
    listed = {**_FILES, "SHA256SUMS": "f" * 64, ".DS_Store": "0" * 64}
    assert signer.verify(signer.key.sign("cars", listed))
    assert signer.verify(files={**_FILES, "SHA256SUMS": "f" * 64, "model.sig": "1" * 64})


def test_a_key_that_nobody_trusts_is_named(signer: _Signer, tmp_path: Path) -> None:
    other = SigningKey(MadeKey(tmp_path).file)
    with pytest.raises(
        UntrustedError, match=f"with the key '{other.fingerprint}', which is not trusted here"
    ):
        signer.verify(other.sign("cars", _FILES))


def test_a_key_in_a_subfolder_is_trusted_below_that_path_alone(tmp_path: Path) -> None:
    made = MadeKey(tmp_path)
    made.trust(tmp_path / "trusted", "site-a/build.pem")
    keyring = TrustedKeys(tmp_path / "trusted").read()
    bundle = SigningKey(made.file).sign("cars", _FILES)
    assert verify(bundle, _FILES, keyring, ["site-a/cars"], 0.0).key == "site-a/build.pem"
    for place in ("site-b/cars", "site-ab/cars", "cars"):
        with pytest.raises(UntrustedError, match=r"for this model: it lies at 'site-a/build\.pem'"):
            verify(bundle, _FILES, keyring, [place], 0.0)


def _changed(bundle: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    whole = json.loads(bundle)
    change(whole)
    return json.dumps(whole).encode()


def _restated(signer: _Signer, **change: Any) -> bytes:
    """A bundle that is soundly signed over another statement."""
    whole = json.loads(signer.bundle)
    statement = json.loads(b64decode(whole["dsseEnvelope"]["payload"]))
    statement["predicate"] |= {
        name: value for name, value in change.items() if name in statement["predicate"]
    }
    statement |= {name: value for name, value in change.items() if name in statement}
    payload = json.dumps(statement).encode()
    signed = parse_bundle(_with_payload(signer.bundle, payload)).signed
    sig = signer.made.private.sign(signed, _ecdsa())
    return _changed(
        _with_payload(signer.bundle, payload),
        lambda one: one["dsseEnvelope"]["signatures"][0].update(sig=b64encode(sig).decode()),
    )


def _ecdsa() -> Any:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - of this test alone
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    return ec.ECDSA(hashes.SHA256())


def _with_payload(bundle: bytes, payload: bytes) -> bytes:
    return _changed(bundle, lambda one: one["dsseEnvelope"].update(payload=b64encode(payload).decode()))


_RESOURCE = {"name": "model.onnx", "algorithm": "sha256", "digest": "a" * 64}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"serialization": {"method": "shards"}},
            "has the serialization 'shards', and only 'files' is known",
        ),
        ({"resources": [_RESOURCE | {"algorithm": "blake2b"}]}, "has the digest algorithm 'blake2b'"),
        ({"resources": [_RESOURCE, _RESOURCE]}, "lists 'model.onnx' twice"),
        ({"resources": [_RESOURCE | {"digest": "a"}]}, "lists 'model.onnx' without a SHA-256"),
        ({"resources": [_RESOURCE]}, "lists other files than its own digest says"),
        ({"resources": []}, "is no signature that can be read"),
        ({"predicateType": "https://model_signing/Digests/v0.1"}, "has the predicate type"),
        ({"_type": "other"}, "has the statement type 'other'"),
    ],
)
def test_a_statement_that_cannot_be_checked_says_what_it_has(
    signer: _Signer, change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(RejectedError, match=sentence):
        signer.verify(_restated(signer, **change))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda whole: whole[: len(whole) // 2], "is no signature that can be read"),
        (lambda _: b"", "is no signature that can be read"),
        (lambda _: b"[" * 100_000, "is no signature that can be read"),
        (lambda _: b" " * (MAX_BUNDLE_BYTES + 1), "is too large to be a signature"),
        (lambda whole: _changed(whole, lambda one: one.update(mediaType="x")), "has the media type 'x'"),
        (
            lambda whole: _changed(whole, lambda one: one["dsseEnvelope"].update(payloadType="x")),
            "payload type",
        ),
        (lambda whole: _with_payload(whole, b"{}"), "was altered: .* has not signed what it says"),
        (
            lambda whole: _changed(
                whole, lambda one: one["verificationMaterial"].update(certificate={"rawBytes": "AAAA"})
            ),
            "without a key, through Sigstore's services",
        ),
        (
            lambda whole: _changed(
                whole,
                lambda one: one["verificationMaterial"].update(
                    x509CertificateChain={"certificates": [{"rawBytes": "AAAA"}]}
                ),
            ),
            "holds a certificate that cannot be read",
        ),
    ],
)
def test_a_bundle_that_cannot_be_read_says_so(
    signer: _Signer, content: Callable[[bytes], bytes], sentence: str
) -> None:
    with pytest.raises(RejectedError, match=sentence):
        signer.verify(content(signer.bundle))


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_do_worse_than_being_rejected(content: bytes) -> None:
    for read in (parse_bundle, signed_files):
        with pytest.raises(RejectedError):
            read(content)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_no_changed_byte_makes_other_files_hold(signer: _Signer, place: int, byte: int) -> None:
    changed = bytearray(signer.bundle)
    changed[place % len(changed)] = byte
    with pytest.raises(RejectedError):
        signer.verify(bytes(changed), {"model.onnx": "c" * 64})
