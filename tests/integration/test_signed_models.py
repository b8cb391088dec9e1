"""A signed model, from a person's key to the status, by the commands and on a real store."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_stack.components import program
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from model_sync.trust.sign import SigningKey
from quick_settings import QUICK, TWO_THREADS
from signing_keys import MadeKey
from tiny_models import write_model
from warm_stack import warm_stack

pytestmark = pytest.mark.minio

WITHIN = 30.0
EX_DATAERR = 65


@pytest.fixture
def key(tmp_path: Path) -> MadeKey:
    made = MadeKey(tmp_path / "own")
    made.trust(tmp_path / "trusted")
    return made


@pytest.fixture
def stack(key: MadeKey, tmp_path: Path) -> Iterator[Stack]:
    """Store, sidecar and server; the sidecar asks for signatures by `key`."""
    assert key.file.exists()
    settings = {**QUICK, "SIGNATURES": "require", "TRUSTED_KEYS": str(tmp_path / "trusted")}
    options = StackOptions(
        root=tmp_path / "stack", store=StoreKind.MINIO, sidecar_settings=settings, server_flags=TWO_THREADS
    )
    with warm_stack(options) as running:
        running.start_store()
        running.start_sidecar()
        running.start_server()
        yield running


def test_what_is_signed_is_served_and_what_is_not_is_told(stack: Stack, key: MadeKey, tmp_path: Path) -> None:
    status = ("--status-url", stack.ports.sidecar_url)

    def push(version: int, *further: str | Path) -> subprocess.CompletedProcess[str]:
        folder = write_model(tmp_path / str(version), float(version))
        of = ("--model", "car", "--version", str(version), "--wait", "--timeout", str(WITHIN))
        return subprocess.run(
            [program("model-sync"), "push", folder, *of, *status, *further],
            env=stack.sidecar_environment(),
            capture_output=True,
            text=True,
            timeout=2 * WITHIN,
            check=False,
        )

    signed = push(1, "--sign", "--key", key.file)
    assert signed.returncode == 0, signed.stderr
    unsigned = push(2)
    assert (unsigned.returncode, "it is not signed" in unsigned.stderr) == (EX_DATAERR, True)
    model = stack.status()["models"]["car"]
    assert model["serving"] == [1]
    assert model["versions"][0]["signature"] == {
        "signer": SigningKey(key.file).fingerprint,
        "key": "build.pem",
    }
