"""What every command of the platform does alike: `--version`, and errors told in one sentence."""

import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from edge_common.errors import EdgeError
from edge_common.printable import printable
from edge_common.stopping import Interrupted, leave_now


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
    understood better with 1.
    """
    try:
        app(prog_name=command)
    except (EdgeError, Interrupted) as error:
        sys.stderr.write(f"{command}: {_as_text(str(error))}\n")
        leave_now(error.exit_code)
    except OSError as error:
        sys.stderr.write(f"{command}: {error.filename or 'a file'}: {error.strerror}; mend that and retry\n")
        leave_now(1)
    leave_now()


def _as_text(message: str) -> str:
    """Further lines, such as the end of a log, are indented, so that none looks like another message."""
    return "\n  ".join(printable(line) for line in message.split("\n"))
