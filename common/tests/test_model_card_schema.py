import json
from pathlib import Path

from edge_common.model_card_schema import schema_text

_FILE = Path(__file__).parents[1] / "model-card.schema.json"


def test_the_schema_file_is_what_the_code_says() -> None:
    assert _FILE.read_text(encoding="utf-8") == schema_text(), (
        "run: python -m edge_common.model_card_schema > common/model-card.schema.json"
    )


def test_the_schema_is_closed_to_unknown_keys() -> None:
    schema = json.loads(schema_text())
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["schema"]
    assert "serving" in schema["properties"]
