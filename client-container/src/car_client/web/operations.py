"""How the operations of the API are described: answers and bodies by their types, errors, parameters."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from car_client.web.messages import ErrorDocument

TEXT = {"type": "string"}
FILE = {"type": "string", "format": "binary"}
NUMBER = {"type": "integer", "minimum": 0}
TEXTS = {"type": "array", "items": TEXT}
CLASSES = {"type": "integer", "minimum": 1, "maximum": 100}
JPEG = "image/jpeg"
CHANGE_ERRORS = {
    400: "The body is wrong.",
    401: "The token is missing or wrong.",
    403: "The sidecar takes no changes, or another site's page asks.",
}
"""Of what is changed with the sidecar's token, as `Authorization: Bearer`."""


def query(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter in the query that may be left out."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def in_path(name: str, schema: Mapping[str, Any] = TEXT) -> dict[str, Any]:
    """A parameter that is a part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": schema}


class Operations:
    """Describes operations, and keeps the schemas of the types that they refer to, each by its name."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}

    def of(
        self,
        summary: str,
        answer: Any,
        *parameters: dict[str, Any],
        says: str = "As asked.",
        status: int = 200,
        errors: Mapping[int, str] | None = None,
        errors_as: Any = ErrorDocument,
        body: Any = None,
        description: str = "",
    ) -> dict[str, Any]:
        """One operation: answers `answer` with `status`, and each of `errors` with its meaning.

        What is answered and sent is JSON of a type, or of a media type; `body` may be schemas by media type.
        """
        told = [(status, says, answer), *((code, said, errors_as) for code, said in (errors or {}).items())]
        operation: dict[str, Any] = {
            "summary": summary,
            "parameters": list(parameters),
            "responses": {
                str(code): {"description": said, "content": self._content(kind)} for code, said, kind in told
            },
        }
        if description:
            operation["description"] = description
        if body is not None:
            operation["requestBody"] = {"required": True, "content": self._content(body)}
        return operation

    def _content(self, kind: Any) -> dict[str, Any]:
        if isinstance(kind, str):
            return {kind: {}}
        if isinstance(kind, dict):
            return {media_type: {"schema": schema} for media_type, schema in kind.items()}
        schema = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
        self.schemas |= schema.pop("$defs", {}) | {kind.__name__: schema}
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}


def get(operation: dict[str, Any]) -> dict[str, Any]:
    """A path that is only read."""
    return {"get": operation}
