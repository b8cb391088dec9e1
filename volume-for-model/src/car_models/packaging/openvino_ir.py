"""OpenVINO networks and IR files: ports as plain facts, preprocessing inside, a card's facts in rt_info."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_common.classifiers import FREE, TensorSpec, datatype_of_openvino
from edge_common.errors import RejectedError
from edge_common.model_card import Color, ImageInput, Layout, ModelCard, ResizeMode, Triple
from edge_common.openvino_runtime import ov, preprocessing
from edge_common.pictures.steps import NO_MEAN, NO_SCALE

from car_models.packaging.version_files import Files

_NUMBERED_BY_PROCESS = re.compile(r"_\d+$")
_SOURCE_POSITION = re.compile(r"\.(cpp|hpp):\d+")
_RESIZE_TYPES = {
    ResizeMode.STRETCH: "standard",
    ResizeMode.CROP: "crop",
    ResizeMode.LETTERBOX: "fit_to_window_letterbox",
}
"""Mode in a card -> `resize_type` of Model API."""


def ports_of(ports: Sequence[ov.Output]) -> list[TensorSpec]:
    """Inputs or outputs of a network, in their order."""
    return [
        TensorSpec(_name(port), datatype_of_openvino(port.element_type.get_type_name()), _shape(port))
        for port in ports
    ]


def _shape(port: ov.Output) -> tuple[int, ...]:
    if port.partial_shape.rank.is_dynamic:
        return ()
    return tuple(FREE if size.is_dynamic else size.get_length() for size in port.partial_shape)


def _name(port: ov.Output) -> str:
    return min(port.get_names(), default=str(port.get_node().get_friendly_name()))


def ir_files(network: ov.Model, card: ModelCard, labels: Sequence[str], *, half_weights: bool) -> Files:
    """`model.xml` and `model.bin`, with weights stored as FP16 if `half_weights`. Changes `network`.

    The facts of `card` go into rt_info under the key names of Model API's `Classification`.
    """
    for key, value in _model_info(card, labels).items():
        network.set_rt_info(value, ["model_info", key])
    _name_by_position(network)
    with TemporaryDirectory(prefix="car-models-") as folder:
        xml = Path(folder, "model.xml")
        ov.save_model(network, xml, compress_to_fp16=half_weights)
        return {path.name: path.read_bytes() for path in (xml, xml.with_suffix(".bin"))}


def accepting_bgr_pixels(network: ov.Model, image: ImageInput) -> ov.Model:
    """`network`, whose input is as `image` says, taking [N,H,W,3] u8 BGR instead.

    That is what model servers decode pictures to, so that the file of a picture can be sent.
    """
    steps = preprocessing.PrePostProcessor(network)
    port = steps.input(image.name)
    port.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(
        preprocessing.ColorFormat.BGR
    )
    port.model().set_layout(ov.Layout(image.layout.value))
    port.preprocess().convert_element_type(ov.Type.f32)
    if image.color is Color.RGB:
        port.preprocess().convert_color(preprocessing.ColorFormat.RGB)
    port.preprocess().mean(list(image.mean)).scale(list(image.scale))
    return steps.build()


def input_of_pixels(image: ImageInput) -> ImageInput:
    """What is left of `image` once `accepting_bgr_pixels` has put the rest into the network."""
    return ImageInput(
        name=image.name, size=image.size, layout=Layout.NHWC, color=Color.BGR, resize=image.resize
    )


@contextmanager
def openvino_errors(sentence: str, advice: str) -> Iterator[None]:
    """Turn OpenVINO's error inside into a RejectedError: `sentence`, its telling line, and `advice`."""
    try:
        yield
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        # its own source positions tell a person nothing
        telling = [line for line in lines if not _SOURCE_POSITION.search(line) and not line.endswith(":")]
        reason = (telling or lines or ["it gives no reason"])[-1].rstrip("!. ")[:200]
        raise RejectedError(f"{sentence}: {reason}; {advice}") from error


def _name_by_position(network: ov.Model) -> None:
    """Replace names such as Convert_2066, whose number counts all nodes that the process has ever made."""
    for position, node in enumerate(network.get_ordered_ops()):
        if _NUMBERED_BY_PROCESS.search(node.get_friendly_name()):
            node.set_friendly_name(f"{node.get_type_name()}.{position}")


def _model_info(card: ModelCard, labels: Sequence[str]) -> Mapping[str, str]:
    """What is left to do for whoever prepares a picture; what is inside the model is absent.

    Model API hands over BGR pixels, so the channels are reversed for a model that takes RGB. A blank in a
    label becomes an underscore, since blanks separate labels.
    """
    image = card.input
    boxed = image.resize.mode is ResizeMode.LETTERBOX
    return {
        "model_type": "Classification",
        "labels": " ".join(label.replace(" ", "_") for label in labels),
        "resize_type": _RESIZE_TYPES[image.resize.mode],
        "resize_antialias": str(image.resize.antialias),
        "layout": image.layout.value,
        "reverse_input_channels": str(image.color is Color.RGB),
        "output_raw_scores": "False",
        "topk": str(card.output.top_k),
        "confidence_threshold": str(card.limits.min_probability),
        **({"mean_values": _numbers(image.mean)} if image.mean != NO_MEAN else {}),
        **({"scale_values": _numbers(image.scale)} if image.scale != NO_SCALE else {}),
        **({"pad_value": f"{image.resize.pad_value:g}"} if boxed else {}),
    }


def _numbers(triple: Triple) -> str:
    return " ".join(f"{value:.9g}" for value in triple)
