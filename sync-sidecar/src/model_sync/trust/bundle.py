"""What is written in `model.sig`, as the `model_signing` command 1.x writes it. Pure.

A sigstore bundle (JSON) holds a DSSE envelope; its payload, which is what was signed, is an in-toto statement
that lists every file with its SHA-256. All of it is a stranger's text until the signature is verified.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from edge_common.errors import RejectedError
from pydantic import AliasPath, Base64Bytes, BaseModel, Field, ValidationError

from model_sync.bucket.keys import SIGNATURE_NAME, quoted

MAX_BUNDLE_BYTES = 8 * 1024 * 1024
"""A larger one is refused unread: it would list more than 20,000 files."""
PAYLOAD_TYPE = "application/vnd.in-toto+json"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
_SIGN_AGAIN = f"sign the folder again and upload {SIGNATURE_NAME}"
_MOST_FILES, _MOST_CERTIFICATES, _MOST_SIGNATURE_BYTES, _MOST_NAME = 20_000, 5, 1024, 2048
_MATERIAL = "verificationMaterial"
_DIGEST = re.compile(r"[0-9a-f]{64}")


_Name = Annotated[str, Field(max_length=_MOST_NAME)]


class _Certificate(BaseModel):
    content: Annotated[Base64Bytes, Field(alias="rawBytes")]


class _Signature(BaseModel):
    sig: Annotated[Base64Bytes, Field(max_length=_MOST_SIGNATURE_BYTES)]


_Signatures = Annotated[list[_Signature], Field(min_length=1, max_length=1)]
_Certificates = Annotated[list[_Certificate], Field(min_length=1, max_length=_MOST_CERTIFICATES)]


class _Bundle(BaseModel):
    media_type: Annotated[_Name, Field(alias="mediaType")]
    material: Annotated[dict[str, Any], Field(alias=_MATERIAL)]
    payload: Annotated[Base64Bytes, Field(validation_alias=AliasPath("dsseEnvelope", "payload"))]
    payload_type: Annotated[_Name, Field(validation_alias=AliasPath("dsseEnvelope", "payloadType"))]
    signatures: Annotated[_Signatures, Field(validation_alias=AliasPath("dsseEnvelope", "signatures"))]
    hint: Annotated[_Name | None, Field(validation_alias=AliasPath(_MATERIAL, "publicKey", "hint"))] = None
    chain: Annotated[
        _Certificates | None,
        Field(validation_alias=AliasPath(_MATERIAL, "x509CertificateChain", "certificates")),
    ] = None
    keyless: Annotated[Any, Field(validation_alias=AliasPath(_MATERIAL, "certificate"))] = None


class _Resource(BaseModel):
    name: Annotated[_Name, Field(min_length=1)]
    algorithm: _Name
    digest: _Name


_Resources = Annotated[list[_Resource], Field(min_length=1, max_length=_MOST_FILES)]


class _Statement(BaseModel):
    kind: Annotated[str, Field(alias="_type")]
    predicate_type: Annotated[str, Field(alias="predicateType")]
    subject: Annotated[list[Any], Field(min_length=1, max_length=1)]
    digest: Annotated[_Name, Field(validation_alias=AliasPath("subject", 0, "digest", "sha256"))]
    method: Annotated[_Name, Field(validation_alias=AliasPath("predicate", "serialization", "method"))]
    resources: Annotated[_Resources, Field(validation_alias=AliasPath("predicate", "resources"))]


Part = TypeVar("Part", bound=BaseModel)


@dataclass(frozen=True)
class Bundle:
    """A signature over `payload`, and who claims to have made it."""

    payload: bytes
    signature: bytes
    hint: str = ""
    """SHA-256 of the PEM text of the signer's public key, in hex; empty: it does not say."""
    chain: tuple[bytes, ...] = ()
    """Certificates (DER), that of the signer first; empty where a bare key signed."""

    @property
    def signed(self) -> bytes:
        """The bytes that were signed: DSSE's pre-authentication encoding."""
        kind = PAYLOAD_TYPE.encode()
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)


def parse_bundle(content: bytes) -> Bundle:
    """The bundle in a `model.sig`; raises RejectedError that says what is wrong with it."""
    if len(content) > MAX_BUNDLE_BYTES:
        raise RejectedError(f"{SIGNATURE_NAME} is too large to be a signature; {_SIGN_AGAIN}")
    bundle = _read(_Bundle, content)
    if bundle.media_type != MEDIA_TYPE:
        raise _unknown("media type", bundle.media_type, MEDIA_TYPE)
    if bundle.payload_type != PAYLOAD_TYPE:
        raise _unknown("payload type", bundle.payload_type, PAYLOAD_TYPE)
    if bundle.keyless is not None:
        raise RejectedError(
            f"{SIGNATURE_NAME} was made without a key, through Sigstore's services, which cannot be asked "
            "offline; sign the folder with a key or a certificate"
        )
    chain = tuple(one.content for one in bundle.chain or ())
    return Bundle(bundle.payload, bundle.signatures[0].sig, bundle.hint or "", chain)


def signed_files(payload: bytes) -> Mapping[str, str]:
    """Path -> SHA-256 of every file that a statement lists; call it only once the signature is verified.

    Raises RejectedError when the statement is not one over SHA-256 digests of whole files.
    """
    statement = _read(_Statement, payload)
    if statement.kind != STATEMENT_TYPE:
        raise _unknown("statement type", statement.kind, STATEMENT_TYPE)
    if statement.predicate_type != PREDICATE_TYPE:
        raise _unknown("predicate type", statement.predicate_type, PREDICATE_TYPE)
    if statement.method != "files":
        raise _unknown("serialization", statement.method, "files")
    files: dict[str, str] = {}
    for resource in statement.resources:
        if resource.algorithm != "sha256":
            raise _unknown("digest algorithm", resource.algorithm, "sha256")
        if not _DIGEST.fullmatch(resource.digest) or resource.name in files:
            what = "twice" if resource.name in files else "without a SHA-256"
            raise RejectedError(f"{SIGNATURE_NAME} lists {quoted(resource.name)} {what}; {_SIGN_AGAIN}")
        files[resource.name] = resource.digest
    if root_digest(files.values()) != statement.digest:
        raise RejectedError(f"{SIGNATURE_NAME} lists other files than its own digest says; {_SIGN_AGAIN}")
    return files


def root_digest(digests: Iterable[str]) -> str:
    """The digest of a statement's subject: that of the files' digests, in the order of the list."""
    return hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()


def _read(kind: type[Part], content: bytes) -> Part:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        raise RejectedError(
            f"{SIGNATURE_NAME} is no signature that can be read ({quoted(where)}: {first['msg']}); "
            f"{_SIGN_AGAIN}"
        ) from error


def _unknown(what: str, found: str, known: str) -> RejectedError:
    return RejectedError(
        f"{SIGNATURE_NAME} has the {what} {quoted(found)}, and only {quoted(known)} is known here; "
        "sign the folder with model-sync sign, or model_signing 1.x and its default settings"
    )
