"""OpenVINO IR files: preprocessing put into a network, facts into rt_info, the same bytes each time."""

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_common.model_card import Color, ImageInput, Layout
from edge_common.openvino_runtime import ov, preprocessing

_NUMBERED_BY_PROCESS = re.compile(r"_\d+$")


def ir_bytes(network: ov.Model, *, model_info: Mapping[str, str], half_weights: bool) -> tuple[bytes, bytes]:
    """The bytes of `model.xml` and `model.bin`, with weights stored as FP16 if `half_weights`.

    `model_info` goes into rt_info under Model API's key names. Changes `network`.
    """
    for key, value in model_info.items():
        network.set_rt_info(value, ["model_info", key])
    _name_by_position(network)
    with TemporaryDirectory(prefix="car-models-") as folder:
        xml = Path(folder, "model.xml")
        ov.save_model(network, xml, compress_to_fp16=half_weights)
        return xml.read_bytes(), xml.with_suffix(".bin").read_bytes()


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


def _name_by_position(network: ov.Model) -> None:
    """Replace names such as Convert_2066, whose number counts all nodes that the process has ever made."""
    for position, node in enumerate(network.get_ordered_ops()):
        if _NUMBERED_BY_PROCESS.search(node.get_friendly_name()):
            node.set_friendly_name(f"{node.get_type_name()}.{position}")
