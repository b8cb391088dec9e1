"""Our distributions have names of their own, and nobody is told to fetch one from an index by its name."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

_ROOT = Path(__file__).parents[2]
_PREFIX = "edgeai-cars-"
_TEXTS = {"", ".gotmpl", ".html", ".ipynb", ".j2", ".lite", ".md", ".py", ".sh", ".toml", ".yaml", ".yml"}
_INSTALLS = re.compile(r"\b(?:pip3?|pipx|uv)(?: -[\w-]+(?:[= ]\S+)?)* (?:install|add|download)\b([^`\n]*)")


def _projects() -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(_ROOT.glob("*/pyproject.toml")):
        project = tomllib.loads(path.read_text())["project"]
        found[project["name"]] = project
    return found


_PROJECTS = _projects()
_OURS = {
    *_PROJECTS,
    *(command for project in _PROJECTS.values() for command in project.get("scripts", {})),
    "edge-common",
}
"""Distributions, and the commands that a person may take for one."""


def _bare_names(text: str) -> list[str]:
    words = [word for told in _INSTALLS.findall(text) for word in told.split()]
    return [word for word in words if re.split(r"[\[=<>~!;]", word.strip("'\"),.\\"))[0] in _OURS]


def test_distributions_have_our_prefix() -> None:
    assert len(_PROJECTS) == 7
    assert all(name.startswith(_PREFIX) for name in _PROJECTS)


def test_distributions_ask_for_one_another_by_exact_version() -> None:
    asked = 0
    for name, project in _PROJECTS.items():
        extras = project.get("optional-dependencies", {}).values()
        for text in [*project["dependencies"], *(text for extra in extras for text in extra)]:
            wanted = Requirement(text)
            assert wanted.name not in _OURS - _PROJECTS.keys(), f"{name} asks for {text}"
            if wanted.name in _PROJECTS:
                assert str(wanted.specifier) == f"=={_PROJECTS[wanted.name]['version']}", f"{name}: {text}"
                asked += 1
    assert asked


def test_nobody_is_told_to_install_one_of_ours_by_a_bare_name() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=_ROOT, check=True, capture_output=True, text=True)
    told = {}
    for name in listed.stdout.splitlines():
        path = _ROOT / name
        readable = path.suffix in _TEXTS and path.is_file() and path != Path(__file__)
        if readable and (names := _bare_names(path.read_text(errors="replace"))):
            told[name] = names
    assert not told


def test_a_bare_name_would_be_found() -> None:
    assert _bare_names("run: pip install 'car-models[mlflow]' now") == ["'car-models[mlflow]'"]
    assert _bare_names("python -m pip install --quiet edge-stack==0.1.0") == ["edge-stack==0.1.0"]
    assert _bare_names("`pip install ./common './volume-for-model[mlflow]'`") == []
