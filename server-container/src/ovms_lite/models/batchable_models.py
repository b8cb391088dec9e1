"""Telling models of which several requests can be run as one, by the shapes of their tensors."""

from collections.abc import Sequence

from edge_common.openvino_runtime import ov

from ovms_lite.models.layouts import batch_position
from ovms_lite.wire.tensors import TensorInfo

ALONE = 1
"""The batch limit of a model whose requests are run one by one."""
MAX_UNBOUNDED_BATCH = 16
"""Most requests in one batch of a model whose inputs set no upper bound."""
_TRIED_BATCHES = (2, 3)


def batch_limit(model: ov.Model, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> int:
    """How many requests of one row may run as one; ALONE when outputs would not have a row for each.

    Shapes cannot tell whether a model mixes rows, for instance by a mean over the batch.
    """
    limit = admitted_batch(inputs, outputs)
    if limit == ALONE or all(_keeps_batch(model, size) for size in _TRIED_BATCHES):
        return limit
    return ALONE


def admitted_batch(inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> int:
    """The greatest batch that every tensor admits; ALONE when one has texts or begins with no free batch."""
    if not inputs or not all(_begins_with_free_batch(info) for info in (*inputs, *outputs)):
        return ALONE
    return min([*(_upper_bounds(inputs) or [MAX_UNBOUNDED_BATCH]), *_upper_bounds(outputs)])


def _begins_with_free_batch(info: TensorInfo) -> bool:
    return (
        not info.element.is_string
        and bool(info.shape)
        and batch_position(info.layout) == 0
        and info.shape[0].admits(ALONE)
        and info.shape[0].admits(ALONE + 1)
    )


def _upper_bounds(tensors: Sequence[TensorInfo]) -> list[int]:
    return [info.shape[0].high for info in tensors if info.shape[0].high is not None]


def _keeps_batch(model: ov.Model, size: int) -> bool:
    """Whether inputs of `size` rows make outputs of exactly `size` rows, whatever the values."""
    copy = model.clone()
    shapes = {port: ov.PartialShape([size, *list(port.partial_shape)[1:]]) for port in copy.inputs}
    try:
        copy.reshape(shapes)
    except RuntimeError:  # an operation inside has its batch written into it
        return False
    return all(port.partial_shape[0] == ov.Dimension(size) for port in copy.outputs)
