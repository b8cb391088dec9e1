"""What a version may bring as evidence: `acceptance/expected.csv` and `provenance.json`. Pure.

The first line of the former is `file,label`; commas or semicolons separate, and quotes hold a label together
that has one. Provenance is a claim like every other file: worth as much as the signature over all of them.
"""

import csv
import io
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Annotated

from edge_common.errors import RejectedError
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from model_sync.bucket.file_kinds import text_problem
from model_sync.bucket.keys import path_problem, quoted
from model_sync.bucket.pins import first_fault, one_line

ACCEPTANCE_FOLDER = "acceptance"
EXPECTED_NAME = f"{ACCEPTANCE_FOLDER}/expected.csv"
"""Relative to the version's folder."""
MAX_PICTURES = 200
"""More would keep other models waiting for preflight."""
_MAX_LINE = 1280
"""Bytes, on the average of all lines."""
MAX_EXPECTED_BYTES = MAX_PICTURES * _MAX_LINE
_HEADER = ("file", "label")
_MAX_LABEL = 1000
PROVENANCE_NAME = "provenance.json"
MAX_PROVENANCE_BYTES = 4096
_Text = Annotated[str, BeforeValidator(one_line), Field(max_length=200)]


@dataclass(frozen=True)
class ExpectedLabel:
    """One line: a picture's path within the acceptance folder, and the label it is to get."""

    file: str
    label: str


def parse_expected(
    content: bytes, where: str = EXPECTED_NAME, most: int = MAX_PICTURES
) -> tuple[ExpectedLabel, ...]:
    """The lines of an expected.csv, in its order, `most` of them; `where` names it in messages.

    Raises RejectedError naming the line at fault.
    """
    problem = text_problem(where, content)
    if problem is not None:
        raise RejectedError(problem)
    try:
        text = content.decode("utf-8-sig")  # spreadsheets write a mark first
    except UnicodeDecodeError as error:
        raise RejectedError(f"{where} is not UTF-8 text; save it as UTF-8") from error
    expected: dict[str, ExpectedLabel] = {}
    for number, fields in _lines(text, where):
        line = _expected(f"{where} line {number}", fields)
        if line.file in expected:
            raise RejectedError(f"{where} line {number} lists {quoted(line.file)} again; remove one")
        expected[line.file] = line
        if len(expected) > most or len(content) > most * _MAX_LINE:
            raise RejectedError(f"{where} lists more than {most} pictures; leave those that matter most")
    if not expected:
        raise RejectedError(f"{where} lists no picture; write a line file,label for each")
    return tuple(expected.values())


def format_expected(expected: Sequence[ExpectedLabel]) -> bytes:
    """The text that `parse_expected` reads."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([_HEADER, *map(astuple, expected)])
    return file.getvalue().encode()


def unknown_label(expected: Sequence[ExpectedLabel], labels: Collection[str]) -> str | None:
    """The sentence for a label that the model cannot give; None when it knows them all."""
    unknown = [
        f"{EXPECTED_NAME} expects {quoted(line.label)} of {quoted(line.file)}, which is not among "
        "the card's labels; correct it, or output.labels"
        for line in expected
        if line.label not in labels
    ]
    return unknown[0] if unknown else None


def _lines(text: str, where: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Number and fields of every line below the header that is not empty."""
    semicolons = text.lstrip().lower().startswith("file;")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if semicolons else ",", strict=True)
    headed = False
    try:
        for row in reader:
            fields = [field.strip() for field in row]
            if not any(fields):
                continue
            if headed:
                yield reader.line_num, fields
            elif tuple(field.lower() for field in fields) == _HEADER:
                headed = True
            else:
                raise RejectedError(f"the first line of {where} is not file,label; write that there")
    except csv.Error as error:
        raise RejectedError(
            f"{where} line {reader.line_num} cannot be read ({error}); write it like file,label"
        ) from error


def _expected(at: str, fields: Sequence[str]) -> ExpectedLabel:
    if len(fields) != len(_HEADER) or not all(fields):
        raise RejectedError(
            f"{at} is not file,label; write both, with quotes around a label that has a comma"
        )
    file, label = fields
    problem = path_problem(file)
    if problem is not None:
        raise RejectedError(f"{at} names {quoted(file)}: {problem}; correct it")
    if len(label) > _MAX_LABEL:
        raise RejectedError(f"{at} has a very long label; shorten it")
    return ExpectedLabel(file, label)


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
        run = f", run {self.run}" if self.run else ""
        return f"{self.registry}: {self.name}{f' version {self.version}' if self.version else ''}{run}"


class _File(BaseModel):
    registry: Annotated[_Text, Field(min_length=1)]
    name: Annotated[_Text, Field(min_length=1)]
    version: _Text = ""
    run: _Text = ""


def parse_provenance(content: bytes) -> Provenance:
    """From a provenance.json; raises RejectedError that names the key at fault."""
    if len(content) > MAX_PROVENANCE_BYTES:
        raise RejectedError(f"{PROVENANCE_NAME} has more than {MAX_PROVENANCE_BYTES} bytes")
    try:
        return Provenance(**_File.model_validate_json(content).model_dump())
    except ValidationError as error:
        raise RejectedError(f"{PROVENANCE_NAME}: {first_fault(error)}") from error


def format_provenance(provenance: Provenance) -> bytes:
    """The file that `parse_provenance` reads; the same for the same."""
    return json.dumps(asdict(provenance), indent=1, sort_keys=True).encode() + b"\n"
