"""The model card's JSON Schema, and its fields as a Markdown table."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import edge_common.model_card
from edge_common.model_card import ModelCard, Section
from settings_table import docstrings

_HEADER = ("| field | what it takes | without it | meaning |", "| --- | --- | --- | --- |")
Schema = Mapping[str, Any]


def card_json_schema() -> dict[str, Any]:
    """JSON Schema of `model.yaml`, for editors and for those who write cards from other languages."""
    schema = ModelCard.model_json_schema(by_alias=True)
    for section, name in [(schema, ModelCard.__name__), *((s, name) for name, s in schema["$defs"].items())]:
        _describe(section, getattr(edge_common.model_card, name))
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def _describe(section: dict[str, Any], model: type) -> None:
    """Give each field of `section` the docstring under it; programs that only check cards do without."""
    if issubclass(model, Section):
        meanings = docstrings(model)
        for name, field in model.model_fields.items():
            told = section["properties"][field.alias or name] | {"description": meanings[name]}
            section["properties"][field.alias or name] = dict(sorted(told.items()))


def card_table() -> str:
    """One row per field, in the order of the schema."""
    schema = card_json_schema()
    return "\n".join((*_HEADER, *_rows(schema, schema["$defs"], "", frozenset(schema["required"]))))


def _rows(section: Schema, known: Schema, within: str, required: frozenset[str]) -> Iterator[str]:
    for name, field in section["properties"].items():
        path = f"{within}{name}"
        inner = _section(field, known)
        meaning = field.get("description") or _target(field, known).get("description", "")
        if inner is not None:
            yield f"| `{path}` | a section | | {meaning} |"
            yield from _rows(inner, known, f"{path}.", frozenset(inner.get("required", ())))
            continue
        default = "required" if name in required else _default(field.get("default"))
        yield f"| `{path}` | {_kind(field, known)} | {default} | {meaning} |"


def _section(field: Schema, known: Schema) -> Schema | None:
    """The section that a field holds, also where it may be left out."""
    for choice in (field, *field.get("anyOf", ())):
        target = _target(choice, known)
        if "properties" in target and len(_choices(field)) == 1:
            return target
    return None


def _target(choice: Schema, known: Schema) -> Schema:
    """What a `$ref` refers to; empty for a choice without."""
    target: Schema = known.get(str(choice.get("$ref", "")).rpartition("/")[2], {})
    return target


def _choices(field: Schema) -> list[Schema]:
    return [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]


def _kind(field: Schema, known: Schema) -> str:
    """What a value looks like, in words."""
    return " or ".join(dict.fromkeys(_words(choice, known) for choice in _choices(field)))


def _words(choice: Schema, known: Schema) -> str:
    target = _target(choice, known) or choice
    if "enum" in target:
        return ", ".join(f"`{value}`" for value in target["enum"])
    if "const" in target:
        return f"`{target['const']}`"
    kind = target.get("type")
    if kind == "array" and "prefixItems" in target:
        return f"{len(target['prefixItems'])} numbers"
    if kind == "array":
        return f"a list of {_plural(target.get('items', {}))}"
    if kind == "object" and "properties" in target:
        return "`{" + ", ".join(f"{name}: …" for name in target["properties"]) + "}`"
    return {"object": "a mapping", "integer": "a whole number", "number": "a number"}.get(str(kind), "text")


def _plural(items: Schema) -> str:
    return "numbers" if items.get("type") in {"integer", "number"} else "texts"


def _default(value: object) -> str:
    return "" if value in (None, "") else f"`{json.dumps(value, ensure_ascii=False)}`".replace('"', "")
