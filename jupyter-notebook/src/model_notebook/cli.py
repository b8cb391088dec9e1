"""The command `model-notebook`: runs the notebook as CI does, and checks the committed file."""

import tempfile
from pathlib import Path
from typing import Annotated, NoReturn

import nbformat
import typer
from edge_common.atomic_files import replace_file
from edge_common.command_line import add_version_option, run_app
from edge_common.errors import RejectedError
from edge_common.stopping import raise_on_signals
from edge_stack.store.store import StoreKind
from nbformat import NotebookNode

from model_notebook.headless import run_headless
from model_notebook.notebook_file import problems, read_notebook, tagged_pictures, with_seal

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Run the notebook without a browser, and check the file.",
)
add_version_option(app, "edgeai-cars-notebook")

Notebook = Annotated[Path, typer.Argument(help="The notebook.")]
_NOTEBOOK = Path("jupyter-notebook/model-tracking.ipynb")


def main() -> NoReturn:
    """Run the command; an expected error ends with one sentence and its exit code."""
    raise_on_signals()
    run_app(app, "model-notebook")


@app.command(epilog="Example: model-notebook run --store embedded --out executed.ipynb")
def run(
    notebook: Notebook = _NOTEBOOK,
    *,
    store: Annotated[
        StoreKind, typer.Option(help="auto: MinIO where it is found, else an embedded S3.")
    ] = StoreKind.AUTO,
    out: Annotated[Path | None, typer.Option(help="File that gets the notebook with its outputs.")] = None,
    pictures: Annotated[Path | None, typer.Option(help="Folder that gets the pictures it tags.")] = None,
) -> None:
    """Run every cell against a local stack of its own; fails when a cell fails or a claim does not hold."""
    done = run_headless(notebook, store=store, show=typer.echo)
    executed = with_seal(done.notebook)
    _check(notebook, executed)
    if out is not None:
        replace_file(out, nbformat.writes(executed).encode() + b"\n")
    found = list(tagged_pictures(executed))
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        for picture in found:
            replace_file(pictures / picture.name, picture.content)
    typer.echo(
        f"{notebook}: {done.cells} cells in {done.seconds:.0f} s, after {done.start_seconds:.0f} s to start "
        "the platform; every claim in it held"
    )


@app.command(epilog="Example: model-notebook check jupyter-notebook/model-tracking.ipynb")
def check(notebook: Notebook = _NOTEBOOK) -> None:
    """Check that the file has either no outputs or small ones of one run of exactly its cells."""
    _check(notebook, read_notebook(notebook))
    typer.echo(f"{notebook}: in order")


def _check(path: Path, notebook: NotebookNode) -> None:
    places = [str(Path.home()), str(Path.cwd()), tempfile.gettempdir(), "/home/", "/Users/"]
    if found := list(problems(notebook, places)):
        raise RejectedError(f"{path}: {'; '.join(found)}")
