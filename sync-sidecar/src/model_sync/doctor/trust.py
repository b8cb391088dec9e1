"""What `doctor` says of the keys that may vouch for models."""

from datetime import UTC, datetime
from pathlib import Path

from edge_common.findings import Finding, Level

from model_sync.trust.trusted_keys import TrustedKeys

_WHAT = "trusted keys"


def trusted_keys(folder: Path, now: float) -> Finding:
    """Whether at least one key can be used, and all of them; `now` in Unix seconds."""
    keyring, time = TrustedKeys(folder).read(), datetime.fromtimestamp(now, UTC)
    if not keyring.keys:
        advice = "put a PEM file of a public key there; until then every signed upload is rejected"
        return Finding(Level.FAIL, _WHAT, "; ".join(keyring.problems), advice)
    outdated = [
        f"the certificate {key.name} expired at {key.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        if time > key.certificate.not_valid_after_utc
        else f"the certificate {key.name} does not hold yet by this machine's clock"
        for key in keyring.keys
        if key.certificate is not None
        and not key.certificate.not_valid_before_utc <= time <= key.certificate.not_valid_after_utc
    ]
    faults = [*keyring.problems, *outdated]
    if faults:
        return Finding(Level.WARN, _WHAT, "; ".join(faults), "replace or remove them; the others hold")
    shown = ", ".join(f"{key.name} {key.fingerprint[:19]}…" for key in keyring.keys[:5])
    return Finding(Level.OK, _WHAT, f"{len(keyring.keys)} can be used: {shown}")
