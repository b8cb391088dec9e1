"""The secret with which a person may change what a stack serves, by the page or by `model-sync`."""

import secrets
from pathlib import Path

from edge_common.atomic_files import replace_file

_BYTES = 16
_LEAST_CHARACTERS = 16
"""What the sidecar takes for a secret."""


def keep_token(path: Path) -> Path:
    """Have a random token at `path`, readable by its owner alone; one that is there stays. Raises OSError."""
    there = path.read_bytes().strip() if path.exists() else b""
    if len(there) < _LEAST_CHARACTERS:
        replace_file(path, f"{secrets.token_hex(_BYTES)}\n".encode(), mode=0o600)
    return path
