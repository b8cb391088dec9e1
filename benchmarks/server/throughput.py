"""ovms-lite against what the machine can do, MLServer, and KServe's Python server, in one run.

    python benchmarks/server/throughput.py models/effnet_lite0_car_onnx/1 models/effnet_lite2_car_openvino/1
    python benchmarks/server/throughput.py --write docs/performance.md MODEL…      (under 12 minutes)
    python benchmarks/server/throughput.py --smoke [MODEL…]      (small; only servers already installed)

Without a model it takes a stand-in of EfficientNet-Lite0's cost. The other servers are installed under
.local/bench. The limits: OpenVINO's own queue in this process, and an application on ovms-lite's HTTP layer
that answers with the bytes it got. Compare ratios within one run; rates depend on the machine.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from comparing import all_running, compare_images, compare_tiny
from contestants import OURS, OURS_FOR_THROUGHPUT, Subject, contestants, subject
from lifecycle import hold_models, measure_swaps
from models import write_stand_in, write_tiny
from rivals import Rival, rivals
from serving_report import Figures, show, write

_TOOLS = Path(__file__).parents[2] / ".local" / "bench"


class Part(StrEnum):
    """What can be measured by itself."""

    IMAGES = "images"
    TINY = "tiny"
    LIFE = "life"


@contextmanager
def _subjects(models: Sequence[Path]) -> Iterator[tuple[list[Subject], Subject]]:
    """The models that take pictures, and the tiny one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tiny(folder / "tiny" / "1")
        if not models:
            write_stand_in(folder / "stand_in" / "1")
            models = [folder / "stand_in" / "1"]
        pictures = [subject(model.absolute().parent.name, model, takes_pictures=True) for model in models]
        yield pictures, subject("tiny", folder / "tiny" / "1", takes_pictures=False)


def _measure(
    figures: Figures,
    models: Sequence[Path],
    installed: Sequence[Rival],
    parts: Sequence[Part],
    *,
    small: bool,
) -> None:
    seconds, rounds = figures.seconds, figures.rounds
    with _subjects(models) as (pictures, tiny):
        who = contestants(installed, pictures)
        if Part.IMAGES in parts or Part.TINY in parts:
            with all_running(who, [*pictures, tiny]) as running:
                for one in pictures if Part.IMAGES in parts else []:
                    rate, rows = compare_images(one, who, running, seconds=seconds, rounds=rounds)
                    figures.raw[one.name] = rate
                    figures.images += rows
                if Part.TINY in parts:
                    figures.tiny = compare_tiny(tiny, who, running, seconds=seconds, rounds=rounds)
        if Part.LIFE in parts:
            holders = [one for one in who if one.name != OURS_FOR_THROUGHPUT]
            figures.holdings = hold_models(holders, (1, 2) if small else (1, 10, 50), rounds=1)
            figures.swaps = [measure_swaps(one, 2 if small else 10) for one in [tiny, *pictures]]


def main(
    models: Annotated[
        list[Path] | None, typer.Argument(help="Version folders with image classifiers.")
    ] = None,
    *,
    seconds: Annotated[float, typer.Option(help="Length of each load.")] = 2.0,
    rounds: Annotated[int, typer.Option(help="How often each load is put on.")] = 2,
    part: Annotated[list[Part] | None, typer.Option(help="Measure this only; may be repeated.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Leave this server out; may be repeated.")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Only show that everything runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    document: Annotated[
        Path | None, typer.Option("--write", help="Document whose section to replace.")
    ] = None,
) -> None:
    """Measure; exit 1 when ovms-lite failed a request."""
    wanted = [rival for rival in rivals(_TOOLS.resolve()) if rival.name not in (without or [])]
    if not smoke:
        for rival in wanted:
            rival.install()
    installed = [rival for rival in wanted if rival.is_installed]
    figures = Figures([r.requirement for r in installed], 1 if smoke else rounds, 1.0 if smoke else seconds)
    _measure(figures, models or [], installed, part or list(Part), small=smoke)
    if as_json:
        print(json.dumps(asdict(figures)))
    else:
        show(figures)
    if document is not None:
        write(document, figures)
    if any(
        row.load.failed
        for row in [*figures.images, *figures.tiny]
        if row.server in (OURS, OURS_FOR_THROUGHPUT)
    ):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
