"""The gate's question who made an upload, asked where the settings want it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from model_sync.bucket.catalog import Upload
from model_sync.metrics import Metrics
from model_sync.planning.evidence import Evidence
from model_sync.planning.state import StoredFile
from model_sync.settings import Settings

if TYPE_CHECKING:
    from model_sync.trust.verify import SignatureCheck


def signature_check(settings: Settings, now: Callable[[], float]) -> "SignatureCheck | None":
    """What is asked of each version; None: nothing. `now` gives Unix seconds."""
    if settings.signatures == "off" or settings.trusted_keys is None:
        return None
    # imported here because cryptography takes memory that a sidecar without signatures need not have
    from model_sync.trust.trusted_keys import TrustedKeys  # noqa: PLC0415
    from model_sync.trust.verify import SignatureCheck  # noqa: PLC0415

    keys = TrustedKeys(settings.trusted_keys)
    return SignatureCheck(keys, now, required=settings.signatures == "require")


def evidence_of(
    upload: Upload,
    stored: Sequence[StoredFile],
    tree: Path,
    check: "SignatureCheck | None",
    metrics: Metrics,
) -> Evidence:
    """What the signature of `upload` proves; `stored`: the digests of the bytes that arrived in `tree`.

    Raises RejectedError that names the signer and the file at fault.
    """
    if check is None:
        return Evidence()
    first = upload.files[0]
    place = first.key.removesuffix(f"/{upload.bucket_version}/{first.path}")
    result = "rejected"
    try:
        signature = check.of_files([place], stored, tree)
        result = "valid" if signature is not None else "unsigned"
    finally:
        metrics.signatures.labels(result=result).inc()
    return Evidence(signature)
