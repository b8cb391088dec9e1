"""The documents say what the code says."""

import json
from pathlib import Path

import model_sync.settings
import pytest
from car_client.settings import PREFIX, Settings
from card_table import card_json_schema, card_table
from document_section import with_section, write_section
from generated_documents import generated_documents
from pydantic import BaseModel
from settings_table import settings_table

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", generated_documents())
def test_a_document_is_what_the_code_says(path: str) -> None:
    written = (_ROOT / path).read_text(encoding="utf-8")
    assert written == generated_documents()[path], "run: make documents"


def test_defaults_of_settings_are_shown_as_people_write_them() -> None:
    table = settings_table(Settings, PREFIX)
    assert "| `CAR_CLIENT_TIMEOUT` | `10.0 s` |" in table
    assert "| `CAR_CLIENT_MAX_PICTURE_BYTES` | `32.0 MiB` |" in table
    assert "| `CAR_CLIENT_TRANSPORT` | `auto` |" in table
    assert "| `CAR_CLIENT_MODELS` | unset |" in table


def test_defaults_of_the_sidecar_too() -> None:
    table = settings_table(model_sync.settings.Settings, model_sync.settings.PREFIX)
    assert "| `MODEL_SYNC_HOLD` | `10 min` | How long no removal" in table
    assert "| `MODEL_SYNC_PREFLIGHT_MEMORY` | `8.0 GiB` |" in table
    assert "| `MODEL_SYNC_VERSIONS` | `latest:1` |" in table
    assert "| `MODEL_SYNC_S3_SECRET_KEY` | unset |" in table
    assert len(table.splitlines()) == len(model_sync.settings.Settings.model_fields) + 2


def test_a_setting_without_a_docstring_is_refused() -> None:
    class _Undescribed(BaseModel):
        port: int = 1

    with pytest.raises(KeyError, match="port"):
        settings_table(_Undescribed, "X_")


def test_the_schema_of_the_card_is_closed_to_unknown_keys() -> None:
    schema = card_json_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["schema"]
    assert "serving" in schema["properties"]
    assert json.dumps(schema)


def test_the_table_of_the_card_names_every_kind_of_value() -> None:
    rows = {row.split("|")[1].strip(): row.split("|")[2:4] for row in card_table().splitlines()[2:]}
    assert [cell.strip() for cell in rows["`input.color`"]] == ["`RGB`, `BGR`", "`RGB`"]
    assert [cell.strip() for cell in rows["`sample.picture`"]] == ["text", "required"]
    assert [cell.strip() for cell in rows["`output.labels`"]] == ["text or a list of texts", ""]
    assert rows["`serving.versions`"][0].strip() == "`{latest: …}` or `all` or a list of numbers"
    assert not [row for row in card_table().splitlines() if row.endswith("|  |")], "a field without a word"


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    before = "a\n<!-- x: by y -->\nold\n<!-- end of x -->\nz"
    assert with_section(before, "x", "new") == "a\n<!-- x: by y -->\n\nnew\n\n<!-- end of x -->\nz"


@pytest.mark.parametrize("text", ["", "<!-- x: by y -->\n", "<!-- end of x -->\n<!-- x: by y -->\n"])
def test_a_document_without_the_marks_is_refused_by_name(tmp_path: Path, text: str) -> None:
    document = tmp_path / "README.md"
    document.write_text(text)
    with pytest.raises(SystemExit, match=r"README\.md: no lines '<!-- x: \.\.\. -->'"):
        write_section(document, "x", "new")
    assert document.read_text() == text
