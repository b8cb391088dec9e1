"""What may be committed as a notebook."""

import base64
from pathlib import Path
from typing import Any

import nbformat
import pytest
from edge_common.errors import RejectedError
from model_notebook.notebook_file import (
    MOST_PICTURE_BYTES,
    cells_digest,
    problems,
    read_notebook,
    tagged_pictures,
    with_seal,
    without_outputs,
)
from nbformat import NotebookNode, v4


def ran(*sources: str, output: str = "said", tags: tuple[str, ...] = (), **data: str) -> NotebookNode:
    """A notebook of code cells that were run once each; the last one shows `data`, else prints `output`."""
    cells = []
    for number, source in enumerate(sources, start=1):
        shown: Any = v4.new_output("stream", text=output)
        if data and number == len(sources):
            kinds = {kind.replace("_", "/"): value for kind, value in data.items()}
            shown = v4.new_output("display_data", data=kinds)
        cell = v4.new_code_cell(source, outputs=[shown], execution_count=number)
        cell.metadata["tags"] = list(tags)
        cell.metadata["execution"] = {"iopub.execute_input": "2026-11-27T22:00:00Z"}
        cells.append(cell)
    return v4.new_notebook(cells=[v4.new_markdown_cell("# Title"), *cells])


def found(notebook: NotebookNode, *forbidden: str) -> str:
    return "; ".join(problems(notebook, forbidden))


def test_outputs_of_a_run_of_these_cells_are_in_order() -> None:
    sealed = with_seal(ran("a = 1", "print(a)"))
    assert found(sealed) == ""
    assert all("execution" not in cell.metadata for cell in sealed.cells)


def test_no_outputs_at_all_are_in_order() -> None:
    assert found(without_outputs(with_seal(ran("a = 1")))) == ""


def test_an_output_that_is_not_to_be_kept_is_left_out() -> None:
    sealed = with_seal(ran("show()", tags=("not-kept",), image_jpeg="cGl4ZWxz"))
    assert sealed.cells[1].outputs == []
    assert found(sealed) == ""


def test_outputs_that_nobody_sealed_are_refused() -> None:
    assert "not those of a run of these cells; make them anew: make notebook-save" in found(ran("a = 1"))


def test_a_changed_cell_makes_the_outputs_those_of_another_notebook() -> None:
    sealed = with_seal(ran("a = 1", "print(a)"))
    sealed.cells[1].source = "a = 2"
    assert "not those of a run of these cells" in found(sealed)


def test_cells_run_in_another_order_are_refused() -> None:
    notebook = ran("a = 1", "print(a)")
    notebook.cells[1].execution_count = 7
    assert "not run once each, from top to bottom" in found(with_seal(notebook))


def test_a_failed_cell_is_refused() -> None:
    notebook = ran("a = 1")
    notebook.cells[1].outputs = [v4.new_output("error", ename="E", evalue="", traceback=[])]
    assert found(with_seal(notebook)) == "a cell failed in it"


def test_a_path_of_the_machine_is_refused() -> None:
    notebook = with_seal(ran("a = 1", output="written to /somewhere/of/mine/x"))
    assert found(notebook, "/somewhere/of/mine", "/else") == "an output holds '/somewhere/of/mine'"


def test_large_outputs_are_refused() -> None:
    assert "make the pictures in it smaller" in found(with_seal(ran("a = 1", output="x" * 700_000)))


def test_outputs_do_not_count_as_what_is_written_in_the_cells() -> None:
    notebook = ran("a = 1")
    assert cells_digest(notebook) == cells_digest(without_outputs(notebook))


@pytest.mark.parametrize(("kind", "suffix"), [("image_png", ".png"), ("image_jpeg", ".jpg")])
def test_a_tagged_picture_is_found(kind: str, suffix: str) -> None:
    encoded = {kind: base64.b64encode(b"pixels").decode()}
    [picture] = tagged_pictures(ran("show()", tags=("picture:chart", "other"), **encoded))
    assert (picture.name, picture.content) == (f"chart{suffix}", b"pixels")


def test_a_tag_without_a_picture_is_told() -> None:
    with pytest.raises(RejectedError, match="tagged picture:chart shows no picture"):
        list(tagged_pictures(ran("show()", tags=("picture:chart",))))


def test_a_tagged_picture_that_is_too_large_is_told() -> None:
    encoded = base64.b64encode(bytes(MOST_PICTURE_BYTES + 1)).decode()
    with pytest.raises(RejectedError, match="picture chart has 102401 bytes, above 102400"):
        list(tagged_pictures(ran("show()", tags=("picture:chart",), image_png=encoded)))


@pytest.mark.parametrize("content", [None, "no notebook", "{}"])
def test_a_file_that_is_no_notebook_is_told(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RejectedError, match="is not a notebook that can be read"):
        read_notebook(path)


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    nbformat.write(with_seal(ran("a = 1")), path)
    assert found(read_notebook(path)) == ""
