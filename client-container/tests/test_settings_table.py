from pathlib import Path

import pytest
from car_client.settings_table import settings_table, with_settings_table

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_shows_the_settings_as_they_are() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_settings_table(readme) == readme, "run: python -m car_client.settings_table README.md"


def test_defaults_are_shown_as_people_write_them() -> None:
    table = settings_table()
    assert "| `CAR_CLIENT_TIMEOUT` | `10.0 s` |" in table
    assert "| `CAR_CLIENT_MAX_PICTURE_BYTES` | `32.0 MiB` |" in table
    assert "| `CAR_CLIENT_TRANSPORT` | `auto` |" in table
    assert "| `CAR_CLIENT_MODELS` | unset |" in table


def test_a_readme_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="has no"):
        with_settings_table("# no marks")
