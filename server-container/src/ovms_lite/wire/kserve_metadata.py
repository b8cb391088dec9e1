"""A model's metadata as KServe v2 shows it, by REST and by gRPC. Pure."""

from collections.abc import Mapping, Sequence

from ovms_lite.wire.tensors import TensorInfo


def model_metadata(
    name: str,
    versions: Sequence[str],
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    model_info: Mapping[str, object],
) -> dict[str, object]:
    """`GET /v2/models/<m>`; `versions` are the AVAILABLE ones."""
    metadata: dict[str, object] = {
        "name": name,
        "versions": list(versions),
        "platform": "OpenVINO",
        "inputs": [_tensor_metadata(info) for info in sorted(inputs, key=lambda info: info.name)],
        "outputs": [_tensor_metadata(info) for info in sorted(outputs, key=lambda info: info.name)],
    }
    if model_info:
        metadata["rt_info"] = {"model_info": model_info}
    return metadata


def _tensor_metadata(info: TensorInfo) -> dict[str, object]:
    return {
        "name": info.name,
        "datatype": info.element.kserve,
        "shape": [dimension.as_metadata() for dimension in info.shape],
    }
