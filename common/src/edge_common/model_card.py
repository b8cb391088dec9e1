"""The model card, `model.yaml`: what a model takes, what it gives, and how it wants to be served.

One schema for everybody: the sidecar checks it and turns `serving` into config.json, the client derives its
preprocessing from it, `car-models` writes it. Unknown keys are errors that name the key, because a misspelt
key that is silently ignored shows up weeks later as wrong answers.
"""

import reprlib
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    StrictStr,
    model_validator,
)

from edge_common.quantities import Duration


class Section(BaseModel):
    """A part of the card: frozen, closed to unknown keys, and without numbers that JSON cannot hold."""

    # built at the first card: what starts and finds none should not wait for it
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Layout(StrEnum):
    """Order of the image tensor's dimensions."""

    NCHW = "NCHW"
    NHWC = "NHWC"


class Color(StrEnum):
    """Order of the channels the model was trained with."""

    RGB = "RGB"
    BGR = "BGR"


class ResizeMode(StrEnum):
    """How a picture of any shape becomes the model's size."""

    STRETCH = "stretch"
    CROP = "crop"
    LETTERBOX = "letterbox"


class Interpolation(StrEnum):
    """Kernel of the resize."""

    NEAREST = "nearest"
    LINEAR = "linear"
    CUBIC = "cubic"
    LANCZOS = "lanczos"
    AREA = "area"


class Resize(Section):
    """How a picture becomes the model's size.

    `crop` brings the picture to a size and cuts the model's size out of its middle; `letterbox` keeps
    everything and pads with `pad_value`; `stretch` distorts. Where it shrinks, every pixel counts (Pillow's
    way, and with it torchvision's and timm's) unless `antialias` is false (OpenCV's and TensorFlow's way).
    """

    mode: ResizeMode = ResizeMode.STRETCH
    """`stretch` distorts, `crop` takes the middle, `letterbox` keeps everything and pads."""
    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """How much of the largest middle part with the model's proportions `crop` keeps."""
    to: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    """Instead of `fraction`: the shorter side in pixels, or height and width, before `crop` cuts."""
    interpolation: Interpolation = Interpolation.LINEAR
    """Kernel of the resize."""
    pad_value: Annotated[float, Field(ge=0, le=255)] = 114.0
    """Grey level around the picture in `letterbox`, 0 to 255."""
    antialias: bool = True
    """Whether all pixels count where a picture shrinks; false: only those next to each sampled point."""

    @model_validator(mode="after")
    def _one_way_to_crop(self) -> Self:
        if self.to is not None and (self.mode is not ResizeMode.CROP or "fraction" in self.model_fields_set):
            raise ValueError(
                "`to` belongs to mode crop, and stands in place of `fraction`; remove one of both"
            )
        return self


MOST_PIXELS = 2**26
"""Of all pictures in one request; as floats they take 800 MB."""
Triple = tuple[float, float, float]
PositiveFloat = Annotated[float, Field(gt=0)]


class ImageInput(Section):
    """One image tensor. `mean` and `scale` are in 0...255 units, applied after the colour conversion."""

    name: StrictStr | None = None
    """Tensor that takes the picture; needed only where a model has several inputs."""
    size: tuple[PositiveInt, PositiveInt] | None = None
    """Height and width in pixels; without it the model's shape says."""
    layout: Layout = Layout.NCHW
    """Order of the tensor's dimensions: N batch, C channels, H height, W width."""
    color: Color = Color.RGB
    """Order of the channels in the tensor."""
    mean: Triple = (0.0, 0.0, 0.0)
    """Subtracted from each channel, in 0 to 255, after the colour order."""
    scale: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (1.0, 1.0, 1.0)
    """What is left is divided by it, in 0 to 255."""
    resize: Resize = Resize()
    """How a picture becomes the model's size."""

    @model_validator(mode="after")
    def _enough_to_cut_from(self) -> Self:
        if self.size is not None and self.size[0] * self.size[1] > MOST_PIXELS:
            raise ValueError(f"size {list(self.size)} is more than {MOST_PIXELS} pixels; correct it")
        to = self.resize.to
        if self.size is not None and to is not None:
            sides = (to, to) if isinstance(to, int) else to
            if any(have < cut for have, cut in zip(sides, self.size, strict=True)):
                raise ValueError(
                    f"resize.to {to} is smaller than size {list(self.size)}, which is cut out of it"
                )
        return self


class Activation(StrEnum):
    """What the client still has to apply to the output to get probabilities."""

    NONE = "none"
    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"


class ClassOutput(Section):
    """Class scores. `labels` is a list, or the name of a text file beside the model, one label a line."""

    name: StrictStr | None = None
    """Tensor with the scores; needed only where a model has several outputs."""
    activation: Activation = Activation.NONE
    """What is still to apply to get probabilities: `softmax` over all classes, `sigmoid` for each alone."""
    labels: StrictStr | Annotated[tuple[StrictStr, ...], Field(min_length=1)] | None = None
    """A list, or the name of a text file beside the card with one label a line, in the model's order; two for
    one score are those for 0 and for 1."""
    top_k: Annotated[int, Field(ge=1, le=100)] = 5
    """How many classes to show."""


class LatestVersions(Section):
    """Serve the highest N versions."""

    latest: PositiveInt = 1
    """How many of the highest versions."""


VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
VersionPolicy = LatestVersions | Literal["all"] | Annotated[tuple[VersionNumber, ...], Field(min_length=1)]


class Serving(Section):
    """What goes into the model's entry of config.json; None means the server's own default."""

    versions: VersionPolicy | None = None
    """Which versions to serve: `{latest: N}`, `all`, or a list of numbers."""
    target_device: StrictStr | None = None
    """OpenVINO's device, such as `CPU`, `GPU` or `AUTO`."""
    nireq: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Requests at a time; 0 lets the server choose."""
    batch_size: Annotated[int, Field(ge=0)] | Literal["auto"] | None = None
    """Pictures in one request; `auto` takes whatever comes."""
    shape: StrictStr | dict[str, StrictStr] | None = None
    """Shape of the input, such as `(1,3,224,224)` or `auto`; by input where there are several."""
    layout: StrictStr | dict[str, StrictStr] | None = None
    """Layout the server is to accept, such as `NHWC:NCHW`: what comes, and what the model has."""
    plugin_config: dict[str, str | bool | int | float] | None = None
    """Properties of the device, such as `{PERFORMANCE_HINT: LATENCY}`."""


class Limits(Section):
    """Where an answer is not worth believing."""

    min_probability: Annotated[float, Field(ge=0, le=1)] = 0.0
    """A top-1 below this is shown as "not sure"."""


class Sample(Section):
    """A picture that the model is tried with before it is served."""

    picture: Annotated[StrictStr, Field(min_length=1)]
    """Name of the picture's file beside the card."""
    label: StrictStr | None = None
    """What the model must say of it first; without it any finite answer will do."""


Share = Annotated[float, Field(gt=0, le=1)]


class Acceptance(Section):
    """What a version must reach with the pictures in its folder `acceptance` before it is published."""

    min_top1: Share | None = None
    """Share of the pictures of which it says the expected label first."""
    min_top5: Share | None = None
    """Share of the pictures with the expected label among the first five."""
    max_latency: Annotated[Duration, Field(gt=0)] | None = None
    """Median time of one inference on half of the cores, such as `50ms`."""
    max_slowdown: PositiveFloat | None = None
    """Median time of one inference, divided by that of the version in service."""
    agree_with_served: Share | None = None
    """Share of the pictures of which it says first what the version in service says first."""


def _whole_number(value: object) -> object:
    """`schema: true` and `schema: 1.0` equal 1 in Python, and say nothing of a schema."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"must be the whole number 1, not {reprlib.repr(value)}")


class ModelCard(Section):
    """The whole card; `schema: 1` is required so that a later schema can be told apart."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    schema_version: Annotated[Literal[1], BeforeValidator(_whole_number)] = Field(alias="schema")
    """Always 1; required."""
    task: Literal["image-classification"] = "image-classification"
    """What the model does."""
    description: str = ""
    """Free text: what sets this version apart."""
    input: ImageInput = ImageInput()
    """How a picture becomes the input."""
    output: ClassOutput = ClassOutput()
    """What the output means."""
    serving: Serving = Serving()
    """Wishes for the model server."""
    limits: Limits = Limits()
    """Where an answer is not worth believing."""
    sample: Sample | None = None
    """A picture that a version is tried with before it is served."""
    acceptance: Acceptance = Acceptance()
    """What a version must reach before it is published."""
