"""The README's table of settings, generated from the settings and the docstrings under them."""

import ast
import inspect
import sys
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

from edge_common.generated_section import replace_section
from edge_common.model_card import LatestVersions
from edge_common.quantities import Duration, Size, format_duration, format_size
from pydantic import SecretStr

from model_sync.planning.versions import describe_policy
from model_sync.settings import PREFIX, Settings

BEGIN = "<!-- settings: written by python -m model_sync.settings_table README.md -->"
END = "<!-- end of settings -->"

_DURATION, _SIZE = Duration.__metadata__[0], Size.__metadata__[0]  # type: ignore[attr-defined]  # of Annotated


def settings_table() -> str:
    """A Markdown table with a row for each variable."""
    meanings = _meanings()
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_shown(field.default, field.metadata)} | {meanings[name]} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])


def with_settings_table(readme: str) -> str:
    """`readme` with the table between its two marks brought up to date; raises ValueError without them."""
    return replace_section(readme, BEGIN, END, settings_table())


def _meanings() -> dict[str, str]:
    """Field name -> the docstring under it, which Python itself does not keep."""
    (definition,) = ast.parse(inspect.getsource(Settings)).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _shown(default: object, metadata: list[Any]) -> str:
    if isinstance(default, SecretStr) or default in (None, "", ("",)):
        return "unset"
    if _DURATION in metadata and isinstance(default, float):
        return f"`{format_duration(default)}`"
    if _SIZE in metadata and isinstance(default, int):
        return f"`{format_size(default)}`"
    if isinstance(default, LatestVersions):
        return f"`{describe_policy(default)}`"
    if isinstance(default, bool):
        return f"`{default}`".lower()
    return f"`{default.value if isinstance(default, StrEnum) else default}`"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_settings_table(path.read_text(encoding="utf-8")), encoding="utf-8")
