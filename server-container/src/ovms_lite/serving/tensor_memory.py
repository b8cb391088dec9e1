"""OpenVINO tensors over the memory of arrays, and arrays over the memory of tensors."""

from edge_common.openvino_runtime import ov

from ovms_lite.wire.tensors import Array, TensorInfo


def as_tensor(array: Array, info: TensorInfo) -> ov.Tensor:
    """A tensor over the array's own memory; strings and what is not aligned are copied."""
    if info.element.is_string:
        tensor = ov.Tensor(ov.Type.string, ov.Shape(array.shape))
        tensor.bytes_data = array.tolist()  # the binding takes no object array
        return tensor
    aligned = array if array.flags.aligned else array.copy()
    if info.element.openvino == "bf16":
        return ov.Tensor(aligned, ov.Shape(array.shape), ov.Type.bf16)
    return ov.Tensor(aligned, shared_memory=True)


def array_of(tensor: ov.Tensor, info: TensorInfo) -> Array:
    """The tensor's memory as an array of the type it travels as; strings are copied."""
    if info.element.is_string:
        strings: Array = tensor.bytes_data
        return strings
    data: Array = tensor.data
    return data.view(info.element.numpy) if info.element.openvino == "bf16" else data
