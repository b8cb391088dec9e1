"""From ONNX to an OpenVINO IR that takes camera pixels, with preprocessing and labels inside."""

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from edge_common.openvino_runtime import ov, preprocessing

from car_models.onnx_graph import onnx_bytes

_NUMBERED_BY_PROCESS = re.compile(r"_\d+$")


def ir_from_onnx(
    model: onnx.ModelProto, *, image: str, mean: float, scale: float, model_info: Mapping[str, str]
) -> tuple[bytes, bytes]:
    """The bytes of `model.xml` and `model.bin`, with weights stored as FP16.

    The ONNX input `image` [N,3,H,W] float RGB `(x - mean) / scale` becomes [N,H,W,3] u8 BGR, which is what
    the model server decodes pictures to. `model_info` goes into rt_info under Model API's key names.
    """
    network = _accepting_bgr_pixels(ov.Core().read_model(onnx_bytes(model)), image, mean, scale)
    for key, value in model_info.items():
        network.set_rt_info(value, ["model_info", key])
    _name_by_position(network)
    with TemporaryDirectory(prefix="car-models-") as folder:
        xml = Path(folder, "model.xml")
        ov.save_model(network, xml, compress_to_fp16=True)
        return xml.read_bytes(), xml.with_suffix(".bin").read_bytes()


def _accepting_bgr_pixels(network: ov.Model, image: str, mean: float, scale: float) -> ov.Model:
    steps = preprocessing.PrePostProcessor(network)
    port = steps.input(image)
    port.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(
        preprocessing.ColorFormat.BGR
    )
    port.model().set_layout(ov.Layout("NCHW"))
    port.preprocess().convert_element_type(ov.Type.f32).convert_color(preprocessing.ColorFormat.RGB)
    port.preprocess().mean([mean] * 3).scale([scale] * 3)
    return steps.build()


def _name_by_position(network: ov.Model) -> None:
    """Replace names such as Convert_2066, whose number counts all nodes that the process has ever made."""
    for position, node in enumerate(network.get_ordered_ops()):
        if _NUMBERED_BY_PROCESS.search(node.get_friendly_name()):
            node.set_friendly_name(f"{node.get_type_name()}.{position}")
