"""Whether a version is what somebody who is trusted has signed, from the digests of its files alone.

Certificates lead from the signer to a trusted one by this machine's clock, without a network.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy
from edge_common.errors import RejectedError

from model_sync.bucket.keys import CHECKSUMS_NAME, SIGNATURE_NAME, is_dropping, quoted
from model_sync.planning.evidence import Signature
from model_sync.planning.state import StoredFile
from model_sync.trust.bundle import MAX_BUNDLE_BYTES, Bundle, parse_bundle, signed_files
from model_sync.trust.trusted_keys import Keyring, TrustedKey, TrustedKeys, certificate_fingerprint, usable

_MOST_AUTHORITIES = 4
"""Between the signer and a trusted one: where all of them signed each other, every way is tried."""
_NEVER_MIRRORED = frozenset({SIGNATURE_NAME, CHECKSUMS_NAME})


class UntrustedError(RejectedError):
    """Nobody who is trusted vouches for it: an unknown key, or a certificate that does not hold now."""


def signing_key(
    chain: Sequence[bytes], trusted: Iterable[TrustedKey], now: float
) -> tuple[ec.EllipticCurvePublicKey, str, TrustedKey]:
    """Key and fingerprint of the signer's certificate (DER, first in `chain`), and what makes it trusted.

    Raises UntrustedError when the chain does not hold `now` (Unix seconds), RejectedError when unreadable.
    """
    try:
        return _signing_key(chain, trusted, datetime.fromtimestamp(now, UTC))
    except RejectedError:
        raise
    except Exception as error:
        raise RejectedError(
            f"{SIGNATURE_NAME} holds a certificate that cannot be read; sign the folder again"
        ) from error


def _signing_key(
    chain: Sequence[bytes], trusted: Iterable[TrustedKey], time: datetime
) -> tuple[ec.EllipticCurvePublicKey, str, TrustedKey]:
    signer, *between = (x509.load_der_x509_certificate(one) for one in chain)
    key, fingerprint = usable(signer.public_key()), certificate_fingerprint(signer)
    if not _may_sign(signer):
        raise UntrustedError(
            f"{SIGNATURE_NAME} was made with the certificate {fingerprint}, which is not for signing; issue "
            "one with keyUsage digitalSignature"
        )
    _check_time((signer, *between), time)
    anchors = {one.certificate: one for one in trusted if one.certificate is not None}
    if signer in anchors:
        return key, fingerprint, anchors[signer]
    try:
        path = _path(signer, between, list(anchors), time)
    except (verification.VerificationError, ValueError) as error:
        issuers = {one.issuer for one in (signer, *between)}
        _check_time([one for one in anchors if one.subject in issuers], time)
        raise UntrustedError(
            f"{SIGNATURE_NAME} was made with the certificate {fingerprint}, to which no trusted one leads; "
            "add that of its authority to TRUSTED_KEYS, or sign with a trusted one"
        ) from error
    return key, fingerprint, anchors[path[-1]]


def _path(
    signer: x509.Certificate, between: list[x509.Certificate], anchors: list[x509.Certificate], time: datetime
) -> Sequence[x509.Certificate]:
    authority = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
    )
    return (
        verification.PolicyBuilder()
        .store(verification.Store(anchors))
        .time(time)
        .max_chain_depth(_MOST_AUTHORITIES)
        .extension_policies(ca_policy=authority, ee_policy=ExtensionPolicy.permit_all())
        .build_client_verifier()
        .verify(signer, between)
        .chain
    )


def _is_authority(_policy: object, _certificate: object, found: x509.BasicConstraints) -> None:
    if not found.ca:
        raise ValueError("it is no authority's certificate")


def _signs_certificates(_policy: object, _certificate: object, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.key_cert_sign:
        raise ValueError("it may not sign certificates")


def _may_sign(certificate: x509.Certificate) -> bool:
    """As `model_signing` has it: by its usage, or else its extended usage."""
    for kind, permits in (
        (x509.KeyUsage, lambda usage: usage.digital_signature),
        (x509.ExtendedKeyUsage, lambda usage: ExtendedKeyUsageOID.CODE_SIGNING in usage),
    ):
        with suppress(x509.ExtensionNotFound):
            if permits(certificate.extensions.get_extension_for_class(kind).value):
                return True
    return False


def _check_time(certificates: Iterable[x509.Certificate], time: datetime) -> None:
    for certificate in certificates:
        named = f"the certificate {certificate_fingerprint(certificate)}"
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if time > last:
            raise UntrustedError(
                f"{named} expired at {last:%Y-%m-%d %H:%M} UTC; sign with one that holds, or set this "
                f"machine's clock, which says {time:%Y-%m-%d %H:%M}, if that is wrong"
            )
        if time < first:
            raise UntrustedError(
                f"{named} holds from {first:%Y-%m-%d %H:%M} UTC on, and this machine's clock says "
                f"{time:%Y-%m-%d %H:%M}; set the clock, or wait"
            )


class AlteredError(RejectedError):
    """A trusted signature lists other files; `path` is the first that differs."""

    def __init__(self, sentence: str, path: str) -> None:
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
