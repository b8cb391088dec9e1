"""The JSON Schema of `model.yaml`; as a program it prints what `common/model-card.schema.json` keeps."""

import json
import sys
from typing import Any

from edge_common.model_card import ModelCard


def card_json_schema() -> dict[str, Any]:
    """JSON Schema of `model.yaml`, for editors and for those who write cards from other languages."""
    schema = ModelCard.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def schema_text() -> str:
    """The text of `model-card.schema.json`."""
    return json.dumps(card_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
