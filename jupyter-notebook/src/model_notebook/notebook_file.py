"""The notebook as a file: what belongs into it, and what it must not carry into the repository. Pure.

Outputs may be committed, because people read the notebook where it is stored. Then they have to be those of
one run of exactly these cells, small, and without anything of the machine they came from.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nbformat
from edge_common.errors import RejectedError
from nbformat import NotebookNode

MOST_BYTES: Final = 600 * 1024
MOST_PICTURE_BYTES: Final = 100 * 1024
_RUN = "run"
_CELLS = "cells_sha256"
_PICTURE_TAG = "picture:"
_NOT_KEPT_TAG = "not-kept"
"""On a cell whose output is not ours to pass on, such as photos under a licence of their own."""
_SUFFIXES: Final = {"image/png": ".png", "image/jpeg": ".jpg"}
_KEPT_METADATA: Final = frozenset({"kernelspec", "language_info"})


@dataclass(frozen=True)
class Picture:
    """An output that a tag `picture:NAME` on its cell names."""

    name: str
    content: bytes


def read_notebook(path: Path) -> NotebookNode:
    """Raises RejectedError when the file is missing or no notebook."""
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise RejectedError(f"{path} is not a notebook that can be read: {error}") from error
    return notebook


def cells_digest(notebook: NotebookNode) -> str:
    """SHA-256 over what is written in the cells, whatever came out of them."""
    cells = [(cell.cell_type, cell.source) for cell in notebook.cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def with_seal(executed: NotebookNode) -> NotebookNode:
    """A copy that says which cells its outputs are from, without times of its run.

    Outputs of cells tagged `not-kept` are left out.
    """
    sealed: NotebookNode = nbformat.from_dict(json.loads(json.dumps(executed)))
    sealed.metadata = nbformat.from_dict(
        {key: value for key, value in sealed.metadata.items() if key in _KEPT_METADATA}
        | {_RUN: {_CELLS: cells_digest(sealed)}}
    )
    for cell in _code(sealed):
        cell.metadata.pop("execution", None)
        if _NOT_KEPT_TAG in cell.metadata.get("tags", []):
            cell.outputs = []
    return sealed


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """A copy as it was before any run."""
    bare: NotebookNode = nbformat.from_dict(json.loads(json.dumps(notebook)))
    bare.metadata.pop(_RUN, None)
    for cell in _code(bare):
        cell.outputs, cell.execution_count = [], None
    return bare


def problems(notebook: NotebookNode, forbidden: Sequence[str]) -> Iterator[str]:
    """What speaks against committing it; `forbidden` are texts that no output may hold, such as paths."""
    outputs = [output for cell in _code(notebook) for output in cell.outputs]
    if not outputs:
        return
    sealed = notebook.metadata.get(_RUN, {}).get(_CELLS)
    if sealed != cells_digest(notebook):
        yield "its outputs are not those of a run of these cells; make them anew: make notebook-save"
    size = len(nbformat.writes(notebook).encode())
    if size > MOST_BYTES:
        yield f"it has {size} bytes, more than {MOST_BYTES}; make the pictures in it smaller"
    counts = [cell.execution_count for cell in _code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield "its cells were not run once each, from top to bottom; make them anew: make notebook-save"
    if any(output.output_type == "error" for output in outputs):
        yield "a cell failed in it"
    text = json.dumps(outputs)
    yield from (f"an output holds {word!r}" for word in forbidden if word in text)


def tagged_pictures(notebook: NotebookNode) -> Iterator[Picture]:
    """The pictures for documents; raises RejectedError for a tag without one, or one that is too large."""
    for cell in _code(notebook):
        for tag in cell.metadata.get("tags", []):
            if tag.startswith(_PICTURE_TAG):
                yield _picture(tag.removeprefix(_PICTURE_TAG), cell)


def _picture(name: str, cell: Mapping[str, Any]) -> Picture:
    for output in cell["outputs"]:
        for kind, suffix in _SUFFIXES.items():
            encoded = output.get("data", {}).get(kind)
            if encoded is None:
                continue
            content = base64.b64decode(encoded)
            if len(content) > MOST_PICTURE_BYTES:
                raise RejectedError(
                    f"picture {name} has {len(content)} bytes, above {MOST_PICTURE_BYTES}; make it smaller"
                )
            return Picture(f"{name}{suffix}", content)
    raise RejectedError(f"the cell tagged {_PICTURE_TAG}{name} shows no picture; take the tag away")


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
