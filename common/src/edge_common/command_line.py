"""What every command of the platform does alike: `--version`, and errors told in one sentence."""

import errno
import io
import os
import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from edge_common.errors import EdgeError
from edge_common.printable import printable
from edge_common.stopping import OUTPUT_LOST, Interrupted, flush_output, give_output_up, leave_now

_OUTPUT_LOST = frozenset({errno.ENOSPC, errno.EPIPE, errno.EBADF, errno.EIO})


def add_version_option(app: typer.Typer, distribution: str) -> None:
    """Give `app`, a command with subcommands, the flag `--version`: it prints `COMMAND VERSION` and ends.

    The version is that of the installed `distribution`. Call it after `typer.Typer(...)`, once.
    """

    def show(context: typer.Context, wanted: bool) -> None:
        if wanted:
            typer.echo(f"{context.info_name} {version(distribution)}")
            raise typer.Exit

    @app.callback()
    def _options(
        _version: Annotated[
            bool, typer.Option("--version", is_eager=True, callback=show, help="Show the version and exit.")
        ] = False,
    ) -> None: ...


def run_app(app: typer.Typer, command: str) -> NoReturn:
    """Run `app` as the program `command`; an expected error becomes one sentence and its exit code.

    An `EdgeError` ends with its own exit code, `Interrupted` with the shell's, an `OSError` that nobody
    understood better with 1, and standard output that is closed or full with 74.
    """
    _prepare_streams()
    output = sys.stdout
    try:
        app(prog_name=command)
    except SystemExit:
        if sys.stdout is not output:  # typer replaces it when its reader went away
            give_output_up("its reader has gone")
            leave_now(OUTPUT_LOST)
        if not flush_output():
            leave_now(OUTPUT_LOST)
        raise
    except (EdgeError, Interrupted) as error:
        sys.stderr.write(f"{command}: {_as_text(str(error))}\n")
        leave_now(error.exit_code)
    except OSError as error:
        if error.filename is None and error.errno in _OUTPUT_LOST:
            give_output_up(error.strerror or "it is closed")
            leave_now(OUTPUT_LOST)
        sys.stderr.write(f"{command}: {error.filename or 'a file'}: {error.strerror}; mend that and retry\n")
        leave_now(1)
    leave_now()


class _ClosedOutput(io.TextIOBase):
    """In the place of a standard output that was closed from the start."""

    def write(self, _text: str) -> int:
        raise OSError(errno.EBADF, "it is closed")

    def flush(self) -> None:
        """Nothing was written."""


def _prepare_streams() -> None:
    """What the terminal's encoding lacks is escaped; streams that are closed break only who needs them."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for the whole process
    if sys.stdout is None:
        os.open(os.devnull, os.O_WRONLY)  # takes the free number, so that no other file gets it
        sys.stdout = _ClosedOutput()
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _as_text(message: str) -> str:
    """Further lines, such as the end of a log, are indented, so that none looks like another message."""
    return "\n  ".join(printable(line) for line in message.split("\n"))
