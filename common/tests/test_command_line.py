import errno
import io
import sys
from importlib.metadata import version

import pytest
import typer
from edge_common.command_line import add_version_option, run_app
from edge_common.errors import RejectedError
from typer.testing import CliRunner


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(help="What it is for.", no_args_is_help=True)
    add_version_option(made, "edgeai-cars-common")

    @made.command()
    def fit() -> None:
        raise RejectedError("the model is not fit; correct it")

    @made.command()
    def name() -> None:
        raise RejectedError("there is no model \x1b[2J\nfake")

    @made.command()
    def read() -> None:
        raise FileNotFoundError(2, "No such file or directory", "model.yaml")

    return made


def test_prints_the_installed_version_and_ends(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["--version"], prog_name="edge-thing")

    assert result.exit_code == 0
    assert result.output == f"edge-thing {version('edgeai-cars-common')}\n"


def test_the_help_keeps_its_words_and_offers_version_and_completion(app: typer.Typer) -> None:
    output = CliRunner().invoke(app, ["--help"], env={"TERM": "dumb", "COLUMNS": "120"}).output

    assert "What it is for." in output
    for flag in ("--version", "--install-completion", "--show-completion"):
        assert flag in output


@pytest.mark.parametrize(
    ("argument", "exit_code", "sentence"),
    [
        ("fit", 65, "edge-thing: the model is not fit; correct it\n"),
        ("name", 65, "edge-thing: there is no model \\x1b[2J\n  fake\n"),
        ("read", 1, "edge-thing: model.yaml: No such file or directory; mend that and retry\n"),
    ],
)
def test_an_expected_error_is_one_sentence_and_its_exit_code(
    app: typer.Typer,
    *,
    argument: str,
    exit_code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["edge-thing", argument])

    with pytest.raises(SystemExit) as end:
        run_app(app, "edge-thing")

    assert end.value.code == exit_code
    assert capsys.readouterr().err == sentence


class Full(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


class FullAtTheEnd(io.StringIO):
    def flush(self) -> None:
        raise OSError(errno.EPIPE, "Broken pipe")


@pytest.mark.parametrize(
    ("output", "told"),
    [(None, "it is closed"), (Full(), "No space left on device"), (FullAtTheEnd(), "its reader has gone")],
    ids=["closed", "full", "broken"],
)
def test_a_standard_output_that_cannot_be_written_is_a_sentence_and_74(
    app: typer.Typer,
    *,
    output: io.StringIO | None,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["edge-thing", "--version"])
    monkeypatch.setattr("sys.stdout", output)
    with pytest.raises(SystemExit) as end:
        run_app(app, "edge-thing")
    sys.stdout.close()
    monkeypatch.undo()
    assert end.value.code == 74
    assert capsys.readouterr().err == f"standard output cannot be written: {told}\n"
