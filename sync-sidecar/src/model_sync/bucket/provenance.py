"""`provenance.json` among a version's files: where they say that they come from. Pure.

It is a claim like every other file of the version: worth as much as the signature over all of them.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated

from edge_common.errors import RejectedError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from model_sync.bucket.keys import quoted
from model_sync.bucket.pins import one_line

PROVENANCE_NAME = "provenance.json"
MAX_BYTES = 4096
_Text = Annotated[str, BeforeValidator(one_line), Field(max_length=200)]


@dataclass(frozen=True)
class Provenance:
    """The registered model and its version there, and the run that made it; what is not known is empty."""

    registry: str
    """Kind of it, such as `mlflow`."""
    name: str
    version: str = ""
    """The registry's own number, which is not the bucket's."""
    run: str = ""

    def __str__(self) -> str:
        """In a line for people."""
        run = f", run {self.run}" if self.run else ""
        return f"{self.registry}: {self.name}{f' version {self.version}' if self.version else ''}{run}"


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    registry: Annotated[_Text, Field(min_length=1)]
    name: Annotated[_Text, Field(min_length=1)]
    version: _Text = ""
    run: _Text = ""


def parse_provenance(content: bytes) -> Provenance:
    """From a provenance.json; raises RejectedError that names the key at fault."""
    if len(content) > MAX_BYTES:
        raise RejectedError(f"{PROVENANCE_NAME} has more than {MAX_BYTES} bytes")
    try:
        return Provenance(**_File.model_validate_json(content).model_dump())
    except ValidationError as error:
        first = error.errors()[0]
        place = quoted(".".join(map(str, first["loc"])))
        raise RejectedError(
            f"{PROVENANCE_NAME}: {place}: {first['msg'].removeprefix('Value error, ')}"
        ) from error


def format_provenance(provenance: Provenance) -> bytes:
    """The file that `parse_provenance` reads; the same for the same."""
    return json.dumps(asdict(provenance), indent=1, sort_keys=True).encode() + b"\n"
