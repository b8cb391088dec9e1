import numpy as np
from ovms_lite.serving.pool import array_of, as_tensor
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Dimension, TensorInfo

X = TensorInfo("x", BY_KSERVE_NAME["FP32"], (Dimension(1, 1), Dimension(10, 10)))
ONE = np.arange(10, dtype=np.float32)[np.newaxis]


def test_a_tensor_lies_on_the_memory_of_its_array() -> None:
    array = ONE.copy()
    tensor = as_tensor(array, X)
    array[0, 0] = 7
    assert array_of(tensor, X)[0, 0] == 7


def test_an_array_on_an_odd_address_is_moved_to_an_even_one() -> None:
    memory = memoryview(bytearray(b"_" + ONE.tobytes()))
    array = np.frombuffer(memory[1:], np.float32).reshape(1, 10)
    assert not array.flags.aligned
    assert np.array_equal(array_of(as_tensor(array, X), X), ONE)
