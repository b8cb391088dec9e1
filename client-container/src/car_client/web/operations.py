"""How one operation of the API is described: its answers from types, its errors, its parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from car_client.web.error_answers import ErrorDocument

TEXT = {"type": "string"}
FILE = {"type": "string", "format": "binary"}
NUMBER = {"type": "integer", "minimum": 0}
TEXTS = {"type": "array", "items": TEXT}
CLASSES = {"type": "integer", "minimum": 1, "maximum": 100}


class Types:
    """Schemas of the types that were referred to, each by its name."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}

    def content(self, kind: Any) -> dict[str, Any]:
        """What an answer holds: JSON of the type `kind`, or anything of the media type `kind`."""
        if isinstance(kind, str):
            return {kind: {}}
        schema = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
        self.schemas |= schema.pop("$defs", {}) | {kind.__name__: schema}
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}


def described(
    types: Types,
    summary: str,
    answer: Any,
    *,
    says: str = "As asked.",
    errors: Mapping[int, str] | None = None,
    errors_as: Any = ErrorDocument,
    parameters: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """An operation that answers `answer` as `Types.content` has it, and each of `errors` with its meaning."""
    responses = {"200": {"description": says, "content": types.content(answer)}} | {
        str(status): {"description": description, "content": types.content(errors_as)}
        for status, description in (errors or {}).items()
    }
    return {"summary": summary, "parameters": list(parameters), "responses": responses}


def query(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter in the query that may be left out."""
    return {"name": name, "in": "query", "description": description, "schema": schema}
