"""What a person specifies about a model, and how the words of flags are read."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge_common.card_file import read_labels
from edge_common.errors import RejectedError
from edge_common.model_card import Activation, Color, Interpolation, ModelCard, Resize, ResizeMode, Triple
from pydantic import ValidationError

from car_models.importing.presets import Preset

_MAX_LABELS_BYTES = 1024 * 1024


class Precision(StrEnum):
    """How the weights are stored, and for INT8 also what is computed with."""

    FP32 = "fp32"
    """As the file has them."""
    FP16 = "fp16"
    INT8 = "int8"


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What a person specifies; each is None where nothing was said; mean and scale are in 0...255 units."""

    labels: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    """Height and width in pixels."""
    color: Color | None = None
    mean: Triple | None = None
    scale: Triple | None = None
    resize: Resize | None = None
    preset: Preset | None = None
    card: ModelCard | None = None
    """What holds where nothing else was said; its labels are in `labels` then."""
    output: str | None = None
    activation: Activation | None = None
    description: str | None = None
    min_probability: float | None = None
    sample: Path | None = None
    sample_label: str | None = None


def labels_from(text: str) -> tuple[str, ...]:
    """A file with one label a line, or the labels themselves with commas between; raises RejectedError."""
    path = Path(text)
    if path.is_file():
        if path.stat().st_size > _MAX_LABELS_BYTES:
            raise RejectedError(f"{path} is larger than {_MAX_LABELS_BYTES} bytes; labels are one a line")
        labels = tuple(read_labels(path.read_bytes()))
    elif "," in text:
        labels = tuple(label.strip() for label in text.split(","))
    else:
        raise RejectedError(
            f"there is no labels file {text!r}; give a text file with one label a line, or a list with commas"
        )
    if not labels or not all(labels):
        raise RejectedError(
            f"{text!r} has an empty label; write one label for each class, in the model's order"
        )
    return labels


def size_from(text: str) -> tuple[int, int]:
    """`224x224` or `224`: height and width in pixels; raises RejectedError."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):  # noqa: PLR2004 - height, width
        raise RejectedError(f"{text!r} is no size; write height x width in pixels, such as 224x224")
    return int(parts[0]), int(parts[-1])


def triple_from(text: str, what: str) -> Triple:
    """One number for all channels, or three with commas; `what` names the flag. Raises RejectedError."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    match numbers:
        case [one]:
            return (one, one, one)
        case [first, second, third]:
            return (first, second, third)
    raise RejectedError(f"--{what} {text!r} is not one number, nor three with commas between them")


def resize_from(text: str) -> Resize:
    """`stretch`, `letterbox`, `crop:0.875`, `crop:256:cubic`, `crop:256x256`, `stretch:aliased`.

    Raises RejectedError that tells the form.
    """
    mode, *rest = text.split(":")
    facts: dict[str, object] = {"mode": mode}
    for part in rest:
        if part in Interpolation.__members__.values():
            facts["interpolation"] = part
        elif part == "aliased":
            facts["antialias"] = False
        elif part.isdecimal() and int(part) > 1:
            facts["to"] = int(part)
        elif "x" in part:
            facts["to"] = size_from(part)
        else:
            facts["fraction"] = part
    try:
        return Resize.model_validate(facts)
    except ValidationError as error:
        modes, kernels = ", ".join(ResizeMode), ", ".join(Interpolation)
        raise RejectedError(
            f"--resize {text!r} is not MODE[:FRACTION or PIXELS][:KERNEL][:aliased], such as "
            f"crop:0.875:cubic or crop:256; modes: {modes}; kernels: {kernels}"
        ) from error


def check_units(mean: Triple, scale: Triple) -> None:
    """Raise RejectedError for numbers that were meant for pixels from 0 to 1, with those for 0 to 255."""
    if min(scale) >= 1 and not (scale == (1.0, 1.0, 1.0) and 0 < max(mean) <= 1):
        return
    if min(scale) <= 0:
        raise RejectedError(f"scale {_words(scale)} divides by zero or turns the picture round; correct it")
    larger = [_words((value[0] * 255, value[1] * 255, value[2] * 255)) for value in (mean, scale)]
    raise RejectedError(
        f"mean {_words(mean)} and scale {_words(scale)} look like those for pixels from 0 to 1; here "
        f"pixels go from 0 to 255: --mean {larger[0]} --scale {larger[1]}"
    )


def _words(triple: Triple) -> str:
    return ",".join(f"{value:g}" for value in triple)
