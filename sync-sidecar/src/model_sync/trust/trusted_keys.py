"""The keys and certificates that may vouch for models: PEM files in a folder, read again when it changes.

A file that lies directly in the folder is trusted for every model; one in a subfolder only for what lies
below that path in the bucket: `site-a/build.pem` for everything under `site-a/`, `cars/build.pem` for `cars`.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from edge_common.errors import RejectedError

from model_sync.bucket.keys import quoted

_MOST_FILES, _MOST_BYTES, _MOST_FOLDERS_DEEP = 256, 256 * 1024, 8
CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""Those of the format; it has no other kind of key."""


@dataclass(frozen=True)
class TrustedKey:
    """One public key or certificate; `name` is the path of its file below the folder."""

    name: str
    fingerprint: str
    public: ec.EllipticCurvePublicKey | None = None
    """None: it is a certificate."""
    certificate: x509.Certificate | None = None

    def is_for(self, place: str) -> bool:
        """Whether it is trusted for the model at `place`: its path in the bucket, such as `site-a/cars`."""
        folder = self.name.rpartition("/")[0]
        return not folder or f"{place}/".startswith(f"{folder}/")


@dataclass(frozen=True)
class Keyring:
    """What the folder holds; `problems` are sentences about what cannot be used."""

    keys: tuple[TrustedKey, ...] = ()
    problems: tuple[str, ...] = ()

    def keys_for(self, places: Iterable[str]) -> tuple[TrustedKey, ...]:
        """Those that are trusted for a model at one of these places in the bucket."""
        asked = tuple(places)
        return tuple(key for key in self.keys if any(map(key.is_for, asked)))


@dataclass
class TrustedKeys:
    """Reads `folder`. May be used by several threads: the worst that happens is that two read it."""

    folder: Path
    _facts: object = None
    _keyring: Keyring = field(default_factory=Keyring)

    def read(self) -> Keyring:
        """What the folder holds now; the same object as before while nothing in it has changed.

        Never raises: a folder or file that cannot be read is among the problems.
        """
        try:
            files = dict(_files(self.folder))
        except OSError as error:
            files, problem = {}, f"{self.folder} cannot be read: {error.strerror}"
        else:
            problem = "" if files else f"{self.folder} holds no key; put the PEM file of a public key there"
        facts = (problem, files)
        if facts != self._facts:
            self._facts = facts
            self._keyring = self._read_all(files, [problem] if problem else [])
        return self._keyring

    def _read_all(self, files: Iterable[str], problems: list[str]) -> Keyring:
        keys: list[TrustedKey] = []
        for name in files:
            try:
                keys += read_keys(name, _content(self.folder / name))
            except (RejectedError, OSError) as error:
                why = str(error)
                if isinstance(error, OSError):
                    why, self._facts = str(error.strerror), None  # tried again the next time, changed or not
                problems.append(f"{quoted(str(self.folder / name), 200)} cannot be used: {why}")
        return Keyring(tuple(keys), tuple(problems))


def read_keys(name: str, pem: bytes) -> list[TrustedKey]:
    """The public key or the certificates in a PEM file called `name`; else raises RejectedError."""
    if b"PRIVATE KEY-----" in pem:
        raise RejectedError(
            "it holds a private key, which must not leave its owner; put the public one there"
        )
    try:
        if b"-----BEGIN CERTIFICATE" in pem:
            found = x509.load_pem_x509_certificates(pem)
            return [TrustedKey(name, certificate_fingerprint(one), certificate=one) for one in found]
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RejectedError("it is no PEM file of a public key or a certificate") from error
    return [TrustedKey(name, key_fingerprint(key), usable(key))]


def usable(key: object) -> ec.EllipticCurvePublicKey:
    """The public key as one that the format has; raises RejectedError for another kind."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise RejectedError(
            "its key is of a kind that the format does not have; make one with "
            "openssl ecparam -name prime256v1 -genkey -noout"
        )
    return key


def key_fingerprint(key: object) -> str:
    """`sha256:` and the digest of the public key's PEM text, as `sha256sum` of its file gives it."""
    public = usable(key)
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256:" + hashlib.sha256(pem).hexdigest()


def certificate_fingerprint(certificate: x509.Certificate) -> str:
    """`sha256:` and the digest of the certificate, as `openssl x509 -fingerprint -sha256` gives it."""
    return "sha256:" + certificate.fingerprint(hashes.SHA256()).hex()


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise RejectedError("it is too large to be a PEM file")
    return content


def _files(folder: Path, below: str = "", depth: int = 0) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and facts of each file; names with a dot in front are none: so Kubernetes swaps a Secret."""
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in sorted(found, key=lambda one: one.name)[:_MOST_FILES]:
        if entry.is_dir():
            if depth < _MOST_FOLDERS_DEEP:
                yield from _files(Path(entry.path), f"{below}{entry.name}/", depth + 1)
        elif entry.is_file():
            seen = entry.stat()
            yield below + entry.name, (seen.st_ino, seen.st_size, seen.st_mtime_ns)
