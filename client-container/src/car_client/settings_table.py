"""The README's table of settings, generated from the settings themselves."""

import sys
from enum import StrEnum
from pathlib import Path

from edge_common.generated_section import replace_section
from edge_common.quantities import format_duration, format_size
from pydantic import SecretStr

from car_client.settings import PREFIX, Settings

BEGIN = "<!-- settings: written by python -m car_client.settings_table README.md -->"
END = "<!-- end of settings -->"


def settings_table() -> str:
    """A Markdown table with a row for each variable."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_shown(name, field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])


def with_settings_table(readme: str) -> str:
    """`readme` with the table between its two marks brought up to date; raises ValueError without them."""
    return replace_section(readme, BEGIN, END, settings_table())


def _shown(name: str, default: object) -> str:
    if default is None or default == () or default == SecretStr(""):
        return "unset"
    if name.endswith("_bytes") and isinstance(default, int):
        return f"`{format_size(default)}`"
    if isinstance(default, float):
        return f"`{format_duration(default)}`"
    return f"`{default.value if isinstance(default, StrEnum) else default}`"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_settings_table(path.read_text(encoding="utf-8")), encoding="utf-8")
