"""Where the recordings of the real server are."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT = REPOSITORY.parent / "shared" / "reference" / "ovms-recorded"


@pytest.fixture
def recordings() -> Path:
    """The folder with wire.json, scenarios.json and replay.py."""
    folder = Path(os.environ.get("OVMS_RECORDED", DEFAULT))
    if not (folder / "replay.py").is_file():
        pytest.fail(
            f"the recordings are not in {folder}; set OVMS_RECORDED to the folder that holds replay.py"
        )
    return folder
