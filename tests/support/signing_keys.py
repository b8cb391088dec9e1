"""Keys and certificates for tests of signatures, made in a moment."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID


class MadeKey:
    """A private key on a curve, and its PEM files."""

    def __init__(self, folder: Path, name: str = "build", curve: ec.EllipticCurve | None = None) -> None:
        """Write `<folder>/<name>.key`."""
        self.private = ec.generate_private_key(curve or ec.SECP256R1())
        self.file = folder / f"{name}.key"
        folder.mkdir(parents=True, exist_ok=True)
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.file.write_bytes(self.private.private_bytes(*form))

    def trust(self, folder: Path, name: str = "build.pem") -> Path:
        """Write the public key into a folder of trusted keys; returns its file."""
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        path.write_bytes(self.private.public_key().public_bytes(*form))
        return path


class MadeCertificate:
    """A certificate over a new key, by `issuer` or itself; valid for ten days around `at`."""

    def __init__(
        self,
        name: str,
        issuer: "MadeCertificate | None" = None,
        *,
        authority: bool = False,
        signs: bool = True,
        at: datetime | None = None,
        private: ec.EllipticCurvePrivateKey | None = None,
    ) -> None:
        """`authority`: it may sign certificates; `signs`: it may sign anything else; `private`: its key."""
        self.private = private or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        above = issuer or self
        middle = at or datetime.now(UTC)
        usage = x509.KeyUsage(
            digital_signature=signs,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=authority,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(above.name)
            .public_key(self.private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(middle - timedelta(days=5))
            .not_valid_after(middle + timedelta(days=5))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(above.private, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM)

    def write_key(self, path: Path) -> Path:
        """Write the private key; returns `path`."""
        path.write_bytes(self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return path
