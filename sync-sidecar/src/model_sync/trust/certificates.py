"""Whether certificates lead from the signer to a trusted one, by this machine's clock, without a network."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy
from edge_common.errors import RejectedError

from model_sync.bucket.keys import SIGNATURE_NAME
from model_sync.trust.trusted_keys import TrustedKey, certificate_fingerprint, usable

_MOST_AUTHORITIES = 4
"""Between the signer and a trusted one: where all of them signed each other, every way is tried."""


class UntrustedError(RejectedError):
    """Nobody who is trusted vouches for it: an unknown key, or a certificate that does not hold now."""


def signing_key(
    chain: Sequence[bytes], trusted: Iterable[TrustedKey], now: float
) -> tuple[ec.EllipticCurvePublicKey, str, TrustedKey]:
    """Key and fingerprint of the signer's certificate (DER, first in `chain`), and what makes it trusted.

    `now` in Unix seconds. Raises UntrustedError when the chain does not hold at that time, RejectedError when
    it cannot be read.
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
        try:
            if permits(certificate.extensions.get_extension_for_class(kind).value):
                return True
        except x509.ExtensionNotFound:
            continue
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
