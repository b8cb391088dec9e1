import pytest
from ovms_lite.wire.kserve_metadata import model_metadata
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Dimension, TensorInfo


@pytest.mark.parametrize("model_info", [{}, {"labels": "cat dog"}])
def test_rt_info_is_shown_when_there_is_any(model_info: dict[str, object]) -> None:
    info = TensorInfo("x", BY_KSERVE_NAME["FP32"], (Dimension(1, 1), Dimension(0, None), Dimension(2, 5)))
    metadata = model_metadata("m", ["1", "2"], [info], [info], model_info)
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [1, -1, -1]}]
    assert ("rt_info" in metadata) == bool(model_info)
