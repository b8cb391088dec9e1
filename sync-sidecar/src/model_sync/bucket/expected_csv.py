"""`acceptance/expected.csv`: which label each acceptance picture of a version is expected to get. Pure.

The first line is `file,label`; commas or semicolons separate, and quotes hold a label together that has one.
"""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from edge_common.errors import RejectedError

from model_sync.bucket.file_kinds import text_problem
from model_sync.bucket.keys import path_problem, quoted

ACCEPTANCE_FOLDER = "acceptance"
EXPECTED_NAME = f"{ACCEPTANCE_FOLDER}/expected.csv"
"""Relative to the version's folder."""
MAX_EXPECTED_BYTES = 256 * 1024
MAX_PICTURES = 200
"""More would keep other models waiting for preflight."""
_HEADER = ("file", "label")
_MAX_LABEL = 1000


@dataclass(frozen=True)
class ExpectedLabel:
    """One line: a picture's path within the acceptance folder, and the label it is to get."""

    file: str
    label: str


def parse_expected(content: bytes) -> tuple[ExpectedLabel, ...]:
    """The lines of an expected.csv, in its order; raises RejectedError naming the line at fault."""
    if len(content) > MAX_EXPECTED_BYTES:
        raise RejectedError(
            f"{EXPECTED_NAME} has more than {MAX_EXPECTED_BYTES} bytes; list at most {MAX_PICTURES} pictures"
        )
    problem = text_problem(EXPECTED_NAME, content)
    if problem is not None:
        raise RejectedError(problem)
    try:
        text = content.decode("utf-8-sig")  # spreadsheets write a mark first
    except UnicodeDecodeError as error:
        raise RejectedError(
            f"{EXPECTED_NAME} is not UTF-8 text; save it as UTF-8, upload it again"
        ) from error
    expected: dict[str, ExpectedLabel] = {}
    for number, fields in _lines(text):
        line = _expected(number, fields)
        if line.file in expected:
            raise RejectedError(f"{EXPECTED_NAME} line {number} lists {quoted(line.file)} again; remove one")
        expected[line.file] = line
        if len(expected) > MAX_PICTURES:
            raise RejectedError(
                f"{EXPECTED_NAME} lists more than {MAX_PICTURES} pictures, which is as many as a version is "
                "tried with before it is published; leave those that matter most"
            )
    if not expected:
        raise RejectedError(f"{EXPECTED_NAME} lists no picture; write a line file,label for each")
    return tuple(expected.values())


def format_expected(expected: Sequence[ExpectedLabel]) -> bytes:
    """The text that `parse_expected` reads."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([_HEADER, *((line.file, line.label) for line in expected)])
    return file.getvalue().encode()


def unknown_label(expected: Sequence[ExpectedLabel], labels: Collection[str]) -> str | None:
    """The sentence for a label that the model cannot give; None when it knows them all."""
    for line in expected:
        if line.label not in labels:
            return (
                f"{EXPECTED_NAME} expects {quoted(line.label)} of {quoted(line.file)}, which is not among "
                "the card's labels; correct it, or output.labels"
            )
    return None


def _lines(text: str) -> Iterator[tuple[int, Sequence[str]]]:
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
                raise RejectedError(f"the first line of {EXPECTED_NAME} is not file,label; write that there")
    except csv.Error as error:
        raise RejectedError(
            f"{EXPECTED_NAME} line {reader.line_num} cannot be read ({error}); write it like file,label"
        ) from error


def _expected(number: int, fields: Sequence[str]) -> ExpectedLabel:
    if len(fields) != len(_HEADER) or not all(fields):
        raise RejectedError(
            f"{EXPECTED_NAME} line {number} is not file,label; write both, "
            "with quotes around a label that has a comma"
        )
    file, label = fields
    problem = path_problem(file)
    if problem is not None:
        raise RejectedError(f"{EXPECTED_NAME} line {number} names {quoted(file)}: {problem}; correct it")
    if len(label) > _MAX_LABEL:
        raise RejectedError(f"{EXPECTED_NAME} line {number} has a very long label; shorten it")
    return ExpectedLabel(file, label)
