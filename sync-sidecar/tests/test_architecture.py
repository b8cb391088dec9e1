"""docs/architecture.md and the packages of the sidecar tell the same."""

from pathlib import Path

import model_sync

_DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"
_PACKAGE = Path(model_sync.__file__).parent
_TOLD = _DOCUMENT.read_text().partition("## One change, one direction")[2].partition("\n## ")[0]


def test_the_table_names_each_package_and_none_that_is_not_there() -> None:
    rows = [line.strip("| ").split(" | ") for line in _TOLD.splitlines() if line.startswith("| ")]
    told = {package.strip("`") for _step, package, *_ in rows if "`" in package}
    assert told == {init.parent.name for init in _PACKAGE.glob("*/__init__.py")}
