"""Writes what the documents say of the code, from the code: `python scripts/generated_documents.py`.

`tests/scripts/test_generated_documents.py` holds the documents against it.
"""

import json
from pathlib import Path

import car_client.settings as client
import model_sync.settings as sidecar
from card_table import card_json_schema, card_table
from document_section import with_section
from settings_table import settings_table

_ROOT = Path(__file__).parents[1]


def generated_documents() -> dict[str, str]:
    """Path of every document with a generated part -> its whole text, as the code wants it."""
    sections = {
        "sync-sidecar/README.md": ("settings", settings_table(sidecar.Settings, sidecar.PREFIX)),
        "client-container/README.md": ("settings", settings_table(client.Settings, client.PREFIX)),
        "volume-for-model/README.md": ("card", card_table()),
    }
    schema = json.dumps(card_json_schema(), indent=2, ensure_ascii=False)
    return {"common/model-card.schema.json": f"{schema}\n"} | {
        path: with_section((_ROOT / path).read_text(encoding="utf-8"), name, content)
        for path, (name, content) in sections.items()
    }


if __name__ == "__main__":
    for path, text in generated_documents().items():
        (_ROOT / path).write_text(text, encoding="utf-8")
