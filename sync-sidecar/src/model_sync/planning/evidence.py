"""What a version proved before it was published; kept in state.json and shown in the status. Data only."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from model_sync.bucket.provenance import Provenance
from model_sync.planning.acceptance import AcceptanceFigures


@dataclass(frozen=True)
class Signature:
    """A signature over exactly the files of a version, by a key that is, or was, trusted."""

    signer: str
    """Fingerprint of the key, or of the certificate, that signed: `sha256:` and 64 hex digits."""
    key: str
    """Path, below TRUSTED_KEYS, of the file that made it trusted."""
    problem: str = ""
    """Why it would not be accepted any more, such as a key that was removed; empty: it would."""


@dataclass(frozen=True)
class Evidence:
    """Everything a version proved; an empty one for what was published without proof."""

    signature: Signature | None = None
    acceptance: AcceptanceFigures | None = None
    """What it made of the acceptance pictures that it brought; None: it brought none."""
    provenance: Provenance | None = None
    """Where its files say that they come from; None: they do not say it."""

    @property
    def as_dict(self) -> Mapping[str, Any]:
        """Its entry in state.json."""
        return asdict(self)
