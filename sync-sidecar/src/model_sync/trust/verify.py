"""Whether a version is what somebody who is trusted has signed, from the digests of its files alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from edge_common.errors import RejectedError

from model_sync.bucket.keys import CHECKSUMS_NAME, SIGNATURE_NAME, is_dropping, quoted
from model_sync.planning.evidence import Signature
from model_sync.planning.state import StoredFile
from model_sync.trust.bundle import MAX_BUNDLE_BYTES, Bundle, parse_bundle, signed_files
from model_sync.trust.certificates import UntrustedError, signing_key
from model_sync.trust.trusted_keys import Keyring, TrustedKey, TrustedKeys

_NEVER_MIRRORED = frozenset({SIGNATURE_NAME, CHECKSUMS_NAME})


class AlteredError(RejectedError):
    """A trusted signature lists other files; `path` is the first that differs."""

    def __init__(self, sentence: str, path: str) -> None:
        """`sentence` names the file and the signer."""
        super().__init__(sentence)
        self.path = path


@dataclass(frozen=True)
class SignatureCheck:
    """What is asked of each version; `now` gives Unix seconds."""

    keys: TrustedKeys
    now: Callable[[], float]
    required: bool = False

    def of_files(self, places: Iterable[str], files: Iterable[StoredFile], folder: Path) -> Signature | None:
        """The signature over a version of `files`; None when it brings none and needs none.

        `places`: where in the bucket its model may lie; `folder`: where its model.sig lies, the only file
        that is read. Raises what `verify` raises, RejectedError when one is missing, and OSError.
        """
        digests = {file.path: file.sha256 for file in files}
        if SIGNATURE_NAME in digests:
            with (folder / SIGNATURE_NAME).open("rb") as file:
                content = file.read(MAX_BUNDLE_BYTES + 1)
            return verify(content, digests, self.keys.read(), places, self.now())
        if self.required:
            raise RejectedError(
                "it is not signed, and SIGNATURES is 'require'; sign its folder with model-sync sign and "
                f"upload {SIGNATURE_NAME}"
            )
        return None


def verify(
    content: bytes, digests: Mapping[str, str], keyring: Keyring, places: Iterable[str], now: float
) -> Signature:
    """The signature in the model.sig `content`, if it holds for exactly the files in `digests`.

    Raises:
        UntrustedError: nobody who is trusted made it, by `keyring` and at the time `now`.
        AlteredError: a file is altered, missing, or not listed.
        RejectedError: it cannot be read, or is itself altered.
    """
    bundle = parse_bundle(content)
    signature = _signer(bundle, keyring.keys_for(places), keyring, now)
    hold_against(bundle.payload, digests, f"signed by {signature.signer} ({signature.key})")
    return signature


def hold_against(payload: bytes, digests: Mapping[str, str], by: str) -> None:
    """Raise AlteredError unless the statement `payload` lists exactly these files; `by`: "signed by ..."."""
    listed = {
        path: digest
        for path, digest in signed_files(payload).items()
        if path not in _NEVER_MIRRORED and not is_dropping(path)
    }
    found = {path: digest for path, digest in digests.items() if path not in _NEVER_MIRRORED}
    for path in sorted(found.keys() & listed.keys()):
        if found[path] != listed[path]:
            raise AlteredError(
                f"{quoted(path)} is not what was {by}: it has the digest {found[path][:16]}…, not "
                f"{listed[path][:16]}…; upload the signed file, or sign again",
                path,
            )
    for path in sorted(listed.keys() - found.keys()):
        raise AlteredError(f"{quoted(path)} is missing, of what was {by}; upload it, or sign again", path)
    for path in sorted(found.keys() - listed.keys()):
        raise AlteredError(f"{quoted(path)} is not among what was {by}; remove it, or sign again", path)


def _signer(bundle: Bundle, trusted: Iterable[TrustedKey], keyring: Keyring, now: float) -> Signature:
    """Who made `bundle`, verified."""
    if bundle.chain:
        key, fingerprint, anchor = signing_key(bundle.chain, trusted, now)
        if not _holds(bundle, key):
            raise _broken(fingerprint)
        return Signature(fingerprint, anchor.name)
    claimed = f"sha256:{bundle.hint}" if bundle.hint else ""
    for one in trusted:
        if one.public is not None and claimed in {"", one.fingerprint}:
            if _holds(bundle, one.public):
                return Signature(one.fingerprint, one.name)
            if claimed:
                raise _broken(claimed)
    elsewhere = [key.name for key in keyring.keys if key.fingerprint == claimed]
    of = f"the key {quoted(claimed)}" if claimed else "a key that it does not name"
    where = f"for this model: it lies at {quoted(elsewhere[0])}" if elsewhere else "here"
    raise UntrustedError(
        f"{SIGNATURE_NAME} was made with {of}, which is not trusted {where}; add its public key to "
        "TRUSTED_KEYS, or sign with a trusted one"
    )


def hash_for(key: ec.EllipticCurvePublicKey) -> ec.ECDSA:
    """How the format has a key of this curve sign."""
    return ec.ECDSA({256: hashes.SHA256(), 384: hashes.SHA384()}.get(key.curve.key_size, hashes.SHA512()))


def _holds(bundle: Bundle, key: ec.EllipticCurvePublicKey) -> bool:
    try:
        key.verify(bundle.signature, bundle.signed, hash_for(key))
    except InvalidSignature:
        return False
    return True


def _broken(fingerprint: str) -> RejectedError:
    return RejectedError(
        f"{SIGNATURE_NAME} was altered: {quoted(fingerprint)} has not signed what it says; sign the folder "
        f"again and upload {SIGNATURE_NAME}"
    )
