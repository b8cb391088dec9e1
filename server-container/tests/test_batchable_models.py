from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from edge_common.openvino_runtime import ops, ov
from ovms_lite.models.batchable_models import ALONE, MAX_UNBOUNDED_BATCH, admitted_batch, batch_limit
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Dimension, TensorInfo

if TYPE_CHECKING:
    from collections.abc import Callable


def _info(kserve: str = "FP32", low: int = 0, high: int | None = None, layout: str = "N...") -> TensorInfo:
    return TensorInfo("t", BY_KSERVE_NAME[kserve], (Dimension(low, high), Dimension(2, 2)), layout)


@pytest.mark.parametrize(
    ("inputs", "outputs", "limit"),
    [
        ([_info()], [_info()], MAX_UNBOUNDED_BATCH),
        ([_info(low=1, high=64)], [_info()], 64),
        ([_info(), _info(high=5)], [_info(high=9)], 5),
        ([_info()], [_info(high=3)], 3),
        ([_info()], [_info(high=1000)], MAX_UNBOUNDED_BATCH),
        ([_info()], [_info(low=1, high=1)], 1),
        ([_info(), _info(low=1, high=1)], [_info()], 1),
        ([_info(low=2, high=8)], [_info()], 1),
        ([_info("BYTES")], [_info()], 1),
        ([_info()], [_info("BYTES")], 1),
        ([_info(layout="CN")], [_info()], 1),
        ([TensorInfo("t", BY_KSERVE_NAME["FP32"], ())], [_info()], 1),
        ([], [_info()], 1),
    ],
)
def test_the_limit_is_what_every_tensor_admits(
    inputs: list[TensorInfo], outputs: list[TensorInfo], limit: int
) -> None:
    assert admitted_batch(inputs, outputs) == limit


def _fixed_inside(x: Any) -> Any:
    """Four rows, whatever comes in."""
    return ops.reshape(x, np.array([4, -1]), special_zero=False)


@pytest.mark.parametrize(
    ("operation", "limit"),
    [
        (ops.relu, MAX_UNBOUNDED_BATCH),
        (lambda x: ops.reshape(x, np.array([-1, 2]), special_zero=False), MAX_UNBOUNDED_BATCH),
        (lambda x: ops.reshape(x, np.array([-1, 1]), special_zero=False), ALONE),
        (lambda x: ops.concat([x, x], 0), ALONE),
        (lambda x: ops.transpose(ops.non_zero(x), np.array([1, 0])), ALONE),
        (lambda x: ops.relu(_fixed_inside(x)), ALONE),
        (lambda x: ops.add(x, ops.reshape(x, np.array([1, 2]), special_zero=False)), ALONE),
    ],
)
def test_a_model_is_batched_when_its_outputs_have_the_rows_of_its_inputs(
    operation: Callable[[Any], Any], limit: int
) -> None:
    x = ops.parameter(ov.PartialShape([-1, 2]))
    free = [_info()]
    assert batch_limit(ov.Model([operation(x)], [x]), free, free) == limit
