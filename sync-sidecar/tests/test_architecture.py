"""docs/architecture.md and the tree of modules tell the same."""

import re
from pathlib import Path

import model_sync

_DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"
_MODULES = {path.stem for path in Path(model_sync.__file__).parent.glob("*.py")} - {"__init__"}


def _named_in_tables() -> set[str]:
    rows = [line for line in _DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    return {name for row in rows for name in re.findall(r"`([a-z_0-9]+)`", row)}


def test_the_document_names_every_module_and_none_that_is_not_there() -> None:
    assert _named_in_tables() == _MODULES
