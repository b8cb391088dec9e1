"""The command in this process, as a person types it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from car_models.cli import main


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


CarModels = Callable[..., Done]


@pytest.fixture
def car_models(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CarModels:
    """Runs the command in this process, which has OpenVINO loaded already."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["car-models", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return run
