"""The small deterministic models that the recordings name, such as `vec:2` or `img:FP32:NHWC:tag`.

| name | model |
| --- | --- |
| vec:N | FP32 x[1,10] → y = x + 100·N, ONNX: the answer tells which version gave it |
| slow:N | as vec:N, after as many turns of a loop as x[0,0] says |
| big:N | as vec:N for zeros, with 200 MB of weights, IR |
| two, unsorted | two inputs and two outputs |
| dyn, range, rank0 | y = x + 1 of x[-1,4], x[1..3,2..5], x[] |
| recip | y = 1/x, which makes infinities |
| type:T | y = x, for each data type |
| string, text | BYTES as strings, and as rows of padded bytes |
| img:T:L | a picture → the means of its channels; `tag`: the layout stands in the IR |
| labels, onnxmeta | vec:1 with facts about itself in it |
| broken, shortbin, onlybin, garbage, none | files that cannot be loaded |
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from edge_common.openvino_runtime import ops, ov
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

_ELEMENTS = {
    "BF16": "bf16", "BOOL": "boolean", "FP16": "f16", "FP32": "f32", "FP64": "f64",
    "INT8": "i8", "INT16": "i16", "INT32": "i32", "INT64": "i64",
    "UINT8": "u8", "UINT16": "u16", "UINT32": "u32", "UINT64": "u64",
}  # fmt: skip
_PICTURES = {
    "NHWC": [1, 32, 32, 3],
    "NCHW": [1, 3, 32, 32],
    "dynNHWC": [-1, 32, 32, 3],
    "freeNHWC": [1, -1, -1, 3],
}
_FACTS: dict[str, Any] = {
    "labels": ["cat", "dog", "grey_heron"],
    "model_type": "Classification",
    "confidence_threshold": 0.5,
    "reverse_input_channels": True,
    "mean_values": [1.5, 2.0, 3.25],
    "resize": {"type": "fit", "pad": 114},
}


class RecordedModels:
    """Builds each model once into a folder of its own below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._building = threading.Lock()

    def folder(self, name: str) -> Path:
        """The files of one version; ValueError when no such model is known."""
        folder = self._root / name.replace(":", "_")
        with self._building:
            if not folder.exists():
                folder.mkdir(parents=True)
                _write(folder, *name.split(":"))
        return folder


def _write(folder: Path, kind: str, *arguments: str) -> None:
    onnx_file, xml, weights = (folder / f"model.{suffix}" for suffix in ("onnx", "xml", "bin"))
    match kind:
        case "none":
            pass
        case "garbage":
            onnx_file.write_text("neither ONNX nor anything else\n")
        case "vec":
            onnx_file.write_bytes(_shift(int(arguments[0])).SerializeToString())
        case "onnxmeta":
            model = _shift(1)
            helper.set_model_props(model, {"task": "classification", "labels": "a b c"})
            onnx_file.write_bytes(model.SerializeToString())
        case "slow":
            onnx_file.write_bytes(_loop(int(arguments[0])).SerializeToString())
        case "broken":
            onnx_file.write_bytes(_first_half(_shift(1).SerializeToString()))
        case "shortbin":
            _write(folder, "labels")
            weights.write_bytes(_first_half(weights.read_bytes()))
        case "onlybin":
            _write(folder, "labels")
            xml.unlink()
        case _:
            ov.save_model(_ir(kind, *arguments), xml, compress_to_fp16=False)


def _first_half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _onnx(nodes: Sequence[NodeProto], constants: dict[str, Any]) -> ModelProto:
    """From x [1,10] to y [1,10]."""
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "net", [_floats("x", 1, 10)], [_floats("y", 1, 10)], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return model


def _floats(name: str, *shape: int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _answer(number: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.full((1, 10), 100.0 * number, np.float32)


def _shift(number: int) -> ModelProto:
    return _onnx([helper.make_node("Add", ["x", "answer"], ["y"])], {"answer": _answer(number)})


def _loop(number: int) -> ModelProto:
    """Each turn multiplies 256 by 256 matrices; what the loop made is scaled to nothing before the sum.

    The factors are large enough for the matrix not to fade: with numbers near zero (denormals) turns take
    ten times as long, and a request would last longer than was measured beforehand.
    """
    mixing = np.random.default_rng(1).standard_normal((256, 256), np.float32) / 10
    turn = helper.make_graph(
        [
            helper.make_node("MatMul", ["matrix", "mixing"], ["product"]),
            helper.make_node("Tanh", ["product"], ["next_matrix"]),
            helper.make_node("Identity", ["goes_on"], ["next_goes_on"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            _floats("matrix", 256, 256),
        ],
        [
            helper.make_tensor_value_info("next_goes_on", TensorProto.BOOL, []),
            _floats("next_matrix", 256, 256),
        ],
    )
    nodes = [
        helper.make_node("Slice", ["x", "zero", "one", "one"], ["corner"]),
        helper.make_node("Reshape", ["corner", "scalar"], ["turns_as_float"]),
        helper.make_node("Cast", ["turns_as_float"], ["turns"], to=TensorProto.INT64),
        helper.make_node("Loop", ["turns", "true", "begin"], ["end"], body=turn),
        helper.make_node("ReduceMean", ["end"], ["mean"], axes=[0, 1], keepdims=1),
        helper.make_node("Mul", ["mean", "hardly_anything"], ["nothing"]),
        helper.make_node("Add", ["nothing", "answer"], ["y"]),
    ]
    constants = {
        "zero": np.array([0]), "one": np.array([1]), "scalar": np.array([], np.int64), "true": np.array(True),
        "begin": np.full((256, 256), 0.1, np.float32), "mixing": mixing,
        "hardly_anything": np.array([[1e-30]], np.float32), "answer": _answer(number),
    }  # fmt: skip
    return _onnx(nodes, constants)


def _ir(kind: str, *arguments: str) -> ov.Model:
    makers: dict[str, Callable[..., ov.Model]] = {
        "big": _large_model,
        "dyn": lambda: _one_more([-1, 4]),
        "img": _picture_model,
        "labels": _model_with_facts,
        "range": lambda: _one_more([(1, 3), (2, 5)]),
        "rank0": lambda: _one_more([]),
        "recip": _reciprocal,
        "string": _strings,
        "text": lambda: _echo([-1, -1], "UINT8"),
        "two": _sum_and_twice,
        "type": lambda name: _echo([1, 4], name),
        "unsorted": _unsorted,
    }
    if kind not in makers:
        raise ValueError(f"the recordings name a model that is not known here: {kind}")
    return makers[kind](*arguments)


def _one_more(shape: list[Any]) -> ov.Model:
    x = _input("x", shape)
    return _model([x], {"y": ops.add(x, _f32(1))})


def _echo(shape: list[Any], element: str) -> ov.Model:
    x = _input("x", shape, _ELEMENTS[element])
    return _model([x], {"y": ops.concat([x], 1)})


def _strings() -> ov.Model:
    """One tensor that is both input and output."""
    s = _input("s", [-1], "string")
    return ov.Model([ops.result(s)], [s], "net")


def _reciprocal() -> ov.Model:
    x = _input("x", [1, 4])
    return _model([x], {"y": ops.divide(_f32([[1, 1, 1, 0]]), x)})


def _sum_and_twice() -> ov.Model:
    a, b = _input("a", [1, 4]), _input("b", [1, 4], "i64")
    twice = ops.multiply(b, ops.constant(2, np.int64))
    return _model([a, b], {"sum": ops.add(a, ops.convert(b, "f32")), "twice": twice})


def _unsorted() -> ov.Model:
    z, a = _input("z", [1, 2]), _input("a", [1, 2])
    return _model([z, a], {"z2": ops.multiply(z, _f32(2)), "a2": ops.add(a, _f32(10))})


def _model_with_facts() -> ov.Model:
    x = _input("x", [1, 10])
    model = _model([x], {"y": ops.add(x, _f32(100))})
    for name, fact in _FACTS.items():
        model.set_rt_info(fact, ["model_info", name])
    return model


def _large_model(number: str) -> ov.Model:
    random = np.random.default_rng(0)
    node = x = _input("x", [1, 10])
    for rows, columns in [(10, 2048), *[(2048, 2048)] * 12, (2048, 10)]:
        weights = ops.constant(random.random((rows, columns), np.float32))
        node = ops.matmul(node, weights, transpose_a=False, transpose_b=False)
    return _model([x], {"y": ops.add(node, _f32(100.0 * int(number)))})


def _input(name: str, shape: list[Any], element: str = "f32") -> Any:
    node = ops.parameter(ov.PartialShape(shape), getattr(ov.Type, element), name=name)
    node.output(0).set_names({name})
    return node


def _model(inputs: list[Any], outputs: dict[str, Any]) -> ov.Model:
    for name, node in outputs.items():
        node.output(0).set_names({name})
    return ov.Model([ops.result(node) for node in outputs.values()], inputs, "net")


def _f32(value: Any) -> Any:
    return ops.constant(np.asarray(value, np.float32))


def _picture_model(element: str, layout: str, tag: str = "") -> ov.Model:
    picture = _input("img", list(_PICTURES[layout]), _ELEMENTS[element])
    if tag:
        picture.set_layout(ov.Layout(layout))
    axes = ops.constant(np.array([2, 3] if layout == "NCHW" else [1, 2]))
    return _model([picture], {"m": ops.reduce_mean(ops.convert(picture, "f32"), axes, keep_dims=False)})
