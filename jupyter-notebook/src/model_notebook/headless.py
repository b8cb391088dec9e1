"""Running the notebook from a clean kernel against a local stack of its own; everything ends with it."""

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edge_common.errors import RejectedError, RetryableError
from edge_stack.components import client_environment
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from model_notebook.notebook_file import read_notebook, without_outputs

_CELL_SECONDS = 180
_POLL_INTERVAL = "1s"
"""What a store without events costs the notebook; a real site keeps the default of 30 s."""
_LAST_LINES = 12


@dataclass(frozen=True)
class Run:
    """The executed notebook and what it took."""

    notebook: NotebookNode
    cells: int
    start_seconds: float
    """Until the platform was ready."""
    seconds: float
    """From the clean kernel's start to the last cell's end."""


def run_headless(path: Path, *, store: StoreKind, show: Callable[[str], None]) -> Run:
    """Run every cell of the notebook at `path`; what it makes goes into a temporary folder.

    Raises RejectedError when a cell fails or a claim in it does not hold, RetryableError when a cell takes
    too long or its kernel dies, and what starting a stack raises.
    """
    notebook = without_outputs(read_notebook(path))
    with ExitStack() as context:
        root = Path(context.enter_context(tempfile.TemporaryDirectory(prefix="model-notebook-")))
        begin = time.monotonic()
        options = StackOptions(
            root=root / "stack", store=store, sidecar_settings={"POLL_INTERVAL": _POLL_INTERVAL}
        )
        stack = context.enter_context(Stack(options))
        stack.start_store()
        stack.start_sidecar()
        stack.connect_events()
        stack.start_server()
        started = time.monotonic()
        show(f"the platform runs: {stack.store.description}")
        _execute(notebook, root, _kernel_environment(stack, root))
        cells = sum(cell.cell_type == "code" for cell in notebook.cells)
        return Run(notebook, cells, started - begin, time.monotonic() - started)


def _kernel_environment(stack: Stack, root: Path) -> Mapping[str, str]:
    """This process's variables without what a developer has set for MLflow or a platform of their own."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "MODEL_SYNC_", "CAR_CLIENT_", "MODEL_NOTEBOOK_"))
    }
    work = {"MODEL_NOTEBOOK_WORK": str(root / "work")}
    return inherited | stack.sidecar_environment() | client_environment(stack.ports) | work


def _execute(notebook: NotebookNode, folder: Path, environment: Mapping[str, str]) -> None:
    sockets = {"transport": "ipc", "ip": str(folder / "kernel")}  # no port that others could talk to
    client = NotebookClient(
        notebook,
        timeout=_CELL_SECONDS,
        kernel_name="python3",
        startup_timeout=_CELL_SECONDS,
        config=Config({"ConnectionFileMixin": sockets}),
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute(env=dict(environment))
    except CellExecutionError as error:
        lines = str(error.traceback).splitlines()[-_LAST_LINES:]
        said = "\n".join(lines)
        raise RejectedError(
            f"a cell of the notebook failed: {error.ename}: {error.evalue}; the end of its traceback:\n{said}"
        ) from error
    except (CellTimeoutError, DeadKernelError, RuntimeError) as error:
        raise RetryableError(f"the notebook did not come to its end: {error}; run it again") from error
