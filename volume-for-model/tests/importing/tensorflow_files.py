"""TensorFlow's files without TensorFlow: protobuf written field by field, for a network of two operations."""

import struct
from collections.abc import Mapping
from pathlib import Path

FLOAT, INT32 = 1, 3


def field(number: int, value: bytes | str | int) -> bytes:
    """One protobuf field: text, bytes or message, or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    written = b""
    value &= 2**64 - 1
    while value > 0x7F:
        written += bytes([value & 0x7F | 0x80])
        value >>= 7
    return written + bytes([value])


def shape(*sizes: int) -> bytes:
    return b"".join(field(2, field(1, size)) for size in sizes)


def node(name: str, operation: str, inputs: tuple[str, ...], attributes: Mapping[str, bytes]) -> bytes:
    written = field(1, name) + field(2, operation) + b"".join(field(3, each) for each in inputs)
    return field(1, written + b"".join(field(5, field(1, k) + field(2, v)) for k, v in attributes.items()))


def graph() -> bytes:
    """GraphDef: takes [-1,8,8,3], gives the mean of each channel."""
    axes = field(1, INT32) + field(2, shape(2)) + field(4, struct.pack("<2i", 1, 2))
    return (
        node("picture", "Placeholder", (), {"dtype": field(6, FLOAT), "shape": field(7, shape(-1, 8, 8, 3))})
        + node("axes", "Const", (), {"dtype": field(6, INT32), "value": field(8, axes)})
        + node(
            "means",
            "Mean",
            ("picture", "axes"),
            {"T": field(6, FLOAT), "Tidx": field(6, INT32), "keep_dims": field(5, 0)},
        )
    )


def write_frozen(path: Path) -> Path:
    """A frozen graph, `.pb`."""
    path.write_bytes(graph())
    return path


def write_saved_model(folder: Path) -> Path:
    """A SavedModel folder with one signature and no variables."""
    folder.mkdir()
    picture = field(1, "picture:0") + field(2, FLOAT) + field(3, shape(-1, 8, 8, 3))
    means = field(1, "means:0") + field(2, FLOAT) + field(3, shape(-1, 3))
    signature = (
        field(1, field(1, "picture") + field(2, picture))
        + field(2, field(1, "scores") + field(2, means))
        + field(3, "tensorflow/serving/predict")
    )
    meta = (
        field(1, field(4, "serve"))
        + field(2, graph())
        + field(5, field(1, "serving_default") + field(2, signature))
    )
    (folder / "saved_model.pb").write_bytes(field(1, 1) + field(2, meta))
    return folder
