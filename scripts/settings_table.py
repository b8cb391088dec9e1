"""A program's settings as a Markdown table, from the fields, their defaults and the docstrings under them."""

import ast
import inspect
import textwrap
from enum import StrEnum
from itertools import pairwise
from typing import Any

from edge_common.model_card import LatestVersions
from edge_common.quantities import Duration, Size, format_duration, format_size
from pydantic import BaseModel, SecretStr

_DURATION, _SIZE = Duration.__metadata__[0], Size.__metadata__[0]  # type: ignore[attr-defined]  # of Annotated
_UNSET = (None, "", (), ("",))


def settings_table(settings: type[BaseModel], prefix: str) -> str:
    """A row for each variable; raises KeyError for a setting without a docstring."""
    meanings = docstrings(settings)
    rows = [
        f"| `{prefix}{name.upper()}` | {_shown(field.default, field.metadata)} | {meanings[name]} |"
        for name, field in settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Field name -> the docstring under it, which Python itself does not keep."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
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
    if isinstance(default, SecretStr) or default in _UNSET:
        return "unset"
    if _DURATION in metadata and isinstance(default, float):
        return f"`{format_duration(default)}`"
    if _SIZE in metadata and isinstance(default, int):
        return f"`{format_size(default)}`"
    if isinstance(default, LatestVersions):
        return f"`latest:{default.latest}`"
    if isinstance(default, bool):
        return f"`{default}`".lower()
    return f"`{default.value if isinstance(default, StrEnum) else default}`"
