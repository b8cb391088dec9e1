"""docs/architecture.md and the tree of packages and modules tell the same."""

import re
from pathlib import Path

import model_sync

_DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"
_PACKAGE = Path(model_sync.__file__).parent
_TOLD = _DOCUMENT.read_text().partition("## One change, one direction")[2].partition("\n## ")[0]


def test_the_table_names_each_package_with_its_modules_and_none_that_is_not_there() -> None:
    rows = [line.strip("| ").split(" | ") for line in _TOLD.splitlines() if line.startswith("| ")]
    told = {package.strip("`"): _names_in(modules) for _step, package, modules, *_ in rows if "`" in package}
    assert told == {
        init.parent.name: {module.stem for module in init.parent.glob("*.py")} - {"__init__"}
        for init in _PACKAGE.glob("*/__init__.py")
    }


def test_the_text_below_names_what_stands_beside_the_packages() -> None:
    beside = {module.stem for module in _PACKAGE.glob("*.py")} - {"__init__"}
    below = _names_in(_TOLD.rpartition("\n| ")[2].partition("\n\n")[2])
    assert below - {"make lint"} == beside


def _names_in(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_0-9 ]+)`", text))
