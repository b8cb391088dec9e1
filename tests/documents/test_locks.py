"""locks/ holds what the pyproject.toml files ask for, with hashes; `make lock` writes it anew."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ROOT = Path(__file__).parents[2]
_LINE = re.compile(r"^([\w.-]+)==(\S+)(?: ; .*)? \\$")
_IMAGES = {
    "model-sync": "sync-sidecar",
    "ovms-lite": "server-container",
    "car-client": "client-container",
}


def _locked(*names: str) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for name in names:
        for line in (_ROOT / "locks" / f"{name}.txt").read_text().splitlines():
            if match := _LINE.match(line):
                versions.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return versions


def _asked(folder: str, *extras: str) -> list[Requirement]:
    project = tomllib.loads((_ROOT / folder / "pyproject.toml").read_text())["project"]
    optional = project.get("optional-dependencies", {})
    lines = project["dependencies"] + [line for extra in extras for line in optional[extra]]
    own = {canonicalize_name(name) for name in _OWN}
    return [asked for asked in map(Requirement, lines) if canonicalize_name(asked.name) not in own]


_FOLDERS = sorted(path.parent.name for path in _ROOT.glob("*/pyproject.toml"))
_OWN = [
    tomllib.loads((_ROOT / folder / "pyproject.toml").read_text())["project"]["name"] for folder in _FOLDERS
]


def _missing(asked: list[Requirement], locked: dict[str, set[str]]) -> list[str]:
    return [
        str(requirement)
        for requirement in asked
        if not any(
            requirement.specifier.contains(version)
            for version in locked.get(canonicalize_name(requirement.name), ())
        )
    ]


@pytest.mark.parametrize("folder", _FOLDERS)
def test_what_a_component_needs_is_locked_for_development(folder: str) -> None:
    layers = ["develop", "notebook"] if folder == "jupyter-notebook" else ["develop"]
    assert _missing(_asked(folder), _locked(*layers)) == []


def test_the_tools_and_the_extras_are_locked() -> None:
    groups = tomllib.loads((_ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert _missing([Requirement(line) for line in groups["dev"]], _locked("develop")) == []
    assert _missing(_asked("volume-for-model", "int8"), _locked("develop", "int8")) == []
    assert _missing(_asked("volume-for-model", "mlflow"), _locked("develop", "notebook")) == []


@pytest.mark.parametrize(("lock", "folder"), _IMAGES.items())
def test_an_image_gets_what_its_component_needs_in_the_versions_of_development(
    lock: str, folder: str
) -> None:
    image, development = _locked(lock), _locked("develop")
    assert _missing(_asked(folder), image) == []
    assert {name: versions for name, versions in image.items() if versions != development[name]} == {}


@pytest.mark.parametrize("lock", sorted(path.name for path in (_ROOT / "locks").iterdir()))
def test_every_package_has_hashes_and_no_address_is_written_down(lock: str) -> None:
    text = (_ROOT / "locks" / lock).read_text()
    entries = re.split(r"\n(?=[\w.-]+==)", text)[1:]
    assert entries
    assert [entry.partition(" ")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?://|--(?:extra-)?index|^-e|^\.?/", text, re.MULTILINE) == []
