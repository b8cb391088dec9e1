"""The README promises what the commands do."""

import re
import sys
from pathlib import Path

import pytest
from car_models.cli import main
from car_models.importing.presets import PRESETS
from car_models.samples.recipes import RECIPES

LITE0, LITE2 = (recipe.model for recipe in RECIPES)


README = (Path(__file__).parents[1] / "README.md").read_text()


def without_probabilities(row: str) -> str:
    """Drop numbers that another processor may round differently, and the padding."""
    return re.sub(r" +", " ", re.sub(r" [01]\.\d\d\b", "", row))


def test_the_table_of_results_is_what_evaluate_prints(
    models: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(models / name / "1") for name in (LITE0, LITE2)]
    monkeypatch.setattr(
        sys, "argv", ["car-models", "evaluate", *folders, "--pictures", str(pictures), "--seconds", "0"]
    )
    with pytest.raises(SystemExit, match="0"):
        main()
    printed = [without_probabilities(row) for row in capsys.readouterr().out.splitlines() if "|" in row]
    written = [without_probabilities(row) for row in README.splitlines() if "|" in row]
    rows = [row for row in printed if "---" not in row][:15]
    assert len(rows) == 15
    assert [row for row in rows if row not in written] == []


def test_every_command_of_the_first_lines_exists(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    named = set(re.findall(r"^    car-models (\w+)", README, re.MULTILINE))
    monkeypatch.setattr(sys, "argv", ["car-models", "--help"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert named <= set(re.findall(r"^  (\w+) ", capsys.readouterr().out, re.MULTILINE))


def test_every_preset_is_described_in_its_own_words() -> None:
    assert not [name for name, preset in PRESETS.items() if f"| `{name}` | {preset.says} |" not in README]
