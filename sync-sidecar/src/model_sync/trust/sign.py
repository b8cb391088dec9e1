"""Signing: the `model.sig` over files of these digests, as the `model_signing` command would write it."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from edge_common.errors import RejectedError

from model_sync.bucket.keys import CHECKSUMS_NAME, SIGNATURE_NAME
from model_sync.trust.bundle import (
    MEDIA_TYPE,
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Bundle,
    root_digest,
)
from model_sync.trust.trusted_keys import certificate_fingerprint, key_fingerprint, usable
from model_sync.trust.verify import hash_for

_IGNORED = (SIGNATURE_NAME, CHECKSUMS_NAME, ".git", ".gitattributes", ".github", ".gitignore")
"""Left out by whoever verifies the folder with the `model_signing` command."""


class SigningKey:
    """A private key from a PEM file and, where those are trusted, the certificates that vouch for it."""

    def __init__(self, key: Path, certificates: Path | None = None) -> None:
        """`certificates`: PEM, that of the key first, then those between it and a trusted one.

        Raises RejectedError for a file that cannot be used.
        """
        try:
            private = serialization.load_pem_private_key(key.read_bytes(), None)
            chain = x509.load_pem_x509_certificates(certificates.read_bytes()) if certificates else []
        except TypeError as error:
            raise RejectedError(
                f"{key} is protected by a password; make a copy without one that only you can read, with "
                f"openssl pkey -in {key} -out unlocked.pem"
            ) from error
        except (ValueError, UnsupportedAlgorithm) as error:
            files = f"{key} or {certificates}" if certificates else f"{key}"
            raise RejectedError(f"{files} is no PEM file of that kind; name others") from error
        except OSError as error:
            raise RejectedError(f"{error.filename} cannot be read: {error.strerror}; name another") from error
        self._public = usable(private.public_key())
        if not isinstance(private, ec.EllipticCurvePrivateKey) or (
            chain and chain[0].public_key() != self._public
        ):
            raise RejectedError(
                f"the first certificate in {certificates} is not that of the key; put it first"
            )
        self._private, self._chain = private, chain

    @property
    def fingerprint(self) -> str:
        """As whoever verifies names the signer."""
        return certificate_fingerprint(self._chain[0]) if self._chain else key_fingerprint(self._public)

    def sign(self, name: str, files: Mapping[str, str]) -> bytes:
        """The content of model.sig over `files`, path -> SHA-256; `name` is the model's, for people."""
        listed = sorted(files.items())
        subject = {"name": name, "digest": {"sha256": root_digest(digest for _, digest in listed)}}
        how = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": _IGNORED}
        resources = [{"name": path, "algorithm": "sha256", "digest": digest} for path, digest in listed]
        statement = {
            "_type": STATEMENT_TYPE,
            "subject": [subject],
            "predicateType": PREDICATE_TYPE,
            "predicate": {"serialization": how, "resources": resources},
        }
        payload = json.dumps(statement).encode()
        signature = self._private.sign(Bundle(payload, b"").signed, hash_for(self._public))
        bundle = {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {**self._material(), "tlogEntries": []},
            "dsseEnvelope": {
                "payload": _text(payload),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": _text(signature), "keyid": ""}],
            },
        }
        return json.dumps(bundle).encode()

    def _material(self) -> Mapping[str, object]:
        if not self._chain:
            return {"publicKey": {"hint": self.fingerprint.removeprefix("sha256:")}}
        encoded = [{"rawBytes": _text(one.public_bytes(serialization.Encoding.DER))} for one in self._chain]
        return {"x509CertificateChain": {"certificates": encoded}}


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
