"""One look for all charts, and how a chart becomes the output of a cell."""

import io
from pathlib import Path
from typing import Final

from car_models.evaluating.plots import write_figure
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure

RIGHT: Final = "#228833"
WRONG: Final = "#cc3311"
VERSIONS: Final = ("#4477aa", "#ee8866", "#aa3377", "#66ccee")
"""By order of appearance; told apart also by those who do not see all colours."""
_DPI = 100


def figure_of(width: float, height: float) -> Figure:
    """An empty figure of this size in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def bare(axes: Axes) -> Axes:
    """`axes` without the two lines that bound nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def shown(figure: Figure, alt: str, *, photos: bool = False) -> Image:
    """`figure` as the output of a cell, `alt` for those who cannot see it; JPEG when it holds `photos`."""
    content = io.BytesIO()
    kind = "jpeg" if photos else "png"
    figure.savefig(content, format=kind, dpi=_DPI)
    return Image(content.getvalue(), format=kind, alt=alt)


def write_charts(folder: Path, **figures: Figure) -> Path:
    """Write each figure as `<name>.png` into `folder`, which is made when missing; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        write_figure(figure, folder / f"{name}.png")
    return folder
