"""What a real server was recorded to answer: data of these tests, or newer data from outside."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).resolve().parent
_RECORDED = _HERE / "recorded"
_BESIDE = _HERE.parents[2] / "shared" / "reference" / "ovms-recorded"


@dataclass(frozen=True)
class Recording:
    """One file of cases, and which of them are `must` and which `quirk`."""

    name: str
    document: dict[str, Any]

    @property
    def kinds(self) -> dict[str, str]:
        return {case["id"]: case["kind"] for case in self.document["cases"]}


def _newest(name: str) -> Recording:
    """Of our own, and what lies where OVMS_RECORDED says (or beside the repository) if that is newer."""
    outside = Path(os.environ.get("OVMS_RECORDED", _BESIDE))
    files = [folder / f"{name}.json" for folder in (_RECORDED, outside)]
    documents = [json.loads(file.read_text()) for file in files if file.is_file()]
    return Recording(name, max(documents, key=lambda document: str(document["recorded_from"]["date"])))


@pytest.fixture(scope="session")
def wire() -> Recording:
    """Single requests and their answers."""
    return _newest("wire")


@pytest.fixture(scope="session")
def scenarios() -> Recording:
    """Timelines of changes and states."""
    return _newest("scenarios")
