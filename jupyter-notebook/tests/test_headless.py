"""Running a notebook by the command, as CI does, with one that is quick."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest
from nbformat import v4


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    code = "import sys; sys.argv[0] = 'model-notebook'; from model_notebook.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def written(path: Path, *sources: str) -> Path:
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources]), path)
    return path


def test_it_says_its_version_and_offers_completion() -> None:
    assert run("--version").stdout == f"model-notebook {version('edgeai-cars-notebook')}\n"
    assert "--install-completion" in run("--help").stdout


def test_the_kernel_is_clean_and_knows_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://of-the-developer.example")
    notebook = written(
        tmp_path / "n.ipynb",
        "from model_notebook.workplace import open_workplace\nplace = open_workplace()",
        "assert place.registry.uri.startswith('sqlite:///')",
        "assert place.platform.serving('cars') is None\nprint(place)",
    )
    out = tmp_path / "executed.ipynb"
    done = run("run", notebook, "--store", "embedded", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "n.ipynb: 3 cells in " in done.stdout
    said = nbformat.read(out, as_version=4).cells[-1].outputs[0].text
    assert said.startswith("MLflow:  a local store, mlflow.db\nstore:   http://127.0.0.1:")
    assert str(tmp_path) not in said
    checked = run("check", out)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_claim_that_does_not_hold_fails_the_run_and_ends_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = written(tmp_path / "n.ipynb", "a = 1", "assert a == 2")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = run("run", notebook, "--store", "embedded")
    assert done.returncode == 65
    assert "model-notebook: a cell of the notebook failed: AssertionError" in done.stderr
    assert "assert a == 2" in done.stderr
    left = subprocess.run(["pgrep", "-af", str(tmp_path)], capture_output=True, text=True, check=False)
    assert left.stdout == ""
    assert not list(tmp_path.glob("model-notebook-*"))


def test_outputs_of_other_cells_are_refused_by_check(tmp_path: Path) -> None:
    notebook = v4.new_notebook(
        cells=[v4.new_code_cell("a", outputs=[v4.new_output("stream", text="x")], execution_count=1)]
    )
    nbformat.write(notebook, tmp_path / "n.ipynb")
    done = run("check", tmp_path / "n.ipynb")
    assert done.returncode == 65
    assert "its outputs are not those of a run of these cells" in done.stderr
