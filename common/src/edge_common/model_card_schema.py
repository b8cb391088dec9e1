"""Prints the JSON Schema of `model.yaml`, which is kept in `common/model-card.schema.json`."""

import json
import sys

from edge_common.model_card import card_json_schema


def schema_text() -> str:
    """The text of `model-card.schema.json`."""
    return json.dumps(card_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
