import pytest
from ovms_lite.errors import LoadError
from ovms_lite.repository.request_limit import RequestLimit
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Dimension, TensorInfo

PICTURE = TensorInfo("x", BY_KSERVE_NAME["FP32"], tuple(Dimension(size, size) for size in (1, 3, 224, 224)))
FREE = TensorInfo("x", BY_KSERVE_NAME["FP32"], (Dimension(0, None), Dimension(4, 4)))


def test_more_infer_requests_than_the_cores_can_use_are_refused_with_the_bound() -> None:
    limit = RequestLimit(cores=2)

    limit.check(128, "m")
    with pytest.raises(LoadError, match="nireq 100000 of m is above 128"):
        limit.check(100_000, "m")


def test_infer_requests_whose_tensors_take_too_much_memory_are_refused() -> None:
    limit = RequestLimit(cores=64, memory=1024**3)

    limit.check(200, "m", [PICTURE])
    limit.check(4096, "m", [FREE])
    with pytest.raises(LoadError, match="an eighth of the memory"):
        limit.check(300, "m", [PICTURE])
