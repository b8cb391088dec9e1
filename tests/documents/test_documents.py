"""What the documents point at is there: links, headings they lead to, and files named in backticks."""

import re
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=_ROOT, check=True, capture_output=True, text=True
).stdout.splitlines()
_DOCUMENTS = [name for name in _TRACKED if name.endswith(".md")]
_FOLDERS = {name.partition("/")[0] for name in _TRACKED if "/" in name}
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_NAMED = re.compile(r"`([\w.-]+(?:/[\w.-]+)+)`")


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    document = _ROOT / name
    for link in _LINK.findall(document.read_text()):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{name} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{name} links to {link}"


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_files_named_by_their_path_are_there(name: str) -> None:
    for path in _NAMED.findall((_ROOT / name).read_text()):
        if path.partition("/")[0] in _FOLDERS:
            assert (_ROOT / path).exists() or (_ROOT / name).parent.joinpath(path).exists(), (
                f"{name} names {path}"
            )


def test_decisions_are_numbered_one_after_the_other() -> None:
    decisions = sorted(Path(name) for name in _DOCUMENTS if name.startswith("docs/decisions/"))
    numbers = [int(decision.name.partition("-")[0]) for decision in decisions]
    assert numbers == list(range(1, len(decisions) + 1))
    for number, decision in zip(numbers, decisions, strict=True):
        assert (_ROOT / decision).read_text().startswith(f"# {number}. "), decision
