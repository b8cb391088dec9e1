import numpy as np
import onnx
import pytest
from car_models.importing.checkpoints.onnx_graph import GraphBuilder, onnx_bytes
from edge_common.openvino_runtime import ov
from onnx import TensorProto

WEIGHT = np.array([[0.1, -2.0], [3.0, 0.25]], np.float32)


def small_model(*, half_weights: bool) -> onnx.ModelProto:
    graph = GraphBuilder(half_weights=half_weights)
    product = graph.add("MatMul", "x", graph.constant("weight", WEIGHT), name="product")
    scaled = graph.add("Mul", product, graph.constant("two", np.float32(2)), name="scaled")
    return graph.model("small", image="x", image_shape=[1, 2], output=scaled, output_shape=[1, 2])


@pytest.mark.parametrize(
    ("half_weights", "stored"), [(False, TensorProto.FLOAT), (True, TensorProto.FLOAT16)]
)
def test_weights_are_stored_as_asked_and_scalars_in_full(half_weights: bool, stored: int) -> None:
    types = {t.name: t.data_type for t in small_model(half_weights=half_weights).graph.initializer}
    assert set(types.values()) == {stored, TensorProto.FLOAT}
    assert types["two"] == TensorProto.FLOAT


@pytest.mark.parametrize(("half_weights", "tolerance"), [(False, 0), (True, 1e-3)])
def test_the_model_computes_what_its_nodes_say(half_weights: bool, tolerance: float) -> None:
    model = ov.Core().read_model(onnx_bytes(small_model(half_weights=half_weights)))
    run = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    x = np.array([[1, 2]], np.float32)
    np.testing.assert_allclose(run(x)[0], x @ WEIGHT * 2, rtol=tolerance)


def test_a_constant_is_stored_once_however_often_it_is_used() -> None:
    graph = GraphBuilder()
    assert graph.constant("six", np.float32(6)) == graph.constant("six", np.float32(6))
    x = graph.add("Min", "x", graph.constant("six", np.float32(6)), name="y")
    model = graph.model("one", image="x", image_shape=[1], output=x, output_shape=[1])
    assert len(model.graph.initializer) == 1


def test_a_graph_with_a_missing_input_does_not_leave_the_builder() -> None:
    graph = GraphBuilder()
    y = graph.add("Relu", "nowhere", name="y")
    with pytest.raises(onnx.checker.ValidationError):
        graph.model("bad", image="x", image_shape=[1], output=y, output_shape=[1])


def test_the_same_graph_has_the_same_bytes() -> None:
    assert onnx_bytes(small_model(half_weights=True)) == onnx_bytes(small_model(half_weights=True))
