"""Runs of a brief model in the event loop's own thread, with one infer request whose memory never moves."""

from collections.abc import Sequence

import numpy as np

from ovms_lite.errors import Fault, RequestError
from ovms_lite.models.infer_tensors import array_of
from ovms_lite.models.loading import LoadedModel
from ovms_lite.wire.tensors import Array


class BriefRunner:
    """The infer request of a model with `is_brief`. Nobody else can hold it: a run keeps the thread."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._request = loaded.compiled.create_infer_request()
        tensors = self._request.input_tensors
        arrays = [array_of(tensor, info) for tensor, info in zip(tensors, loaded.inputs, strict=True)]
        self._memory = [(array, array.reshape(-1).view(np.uint8).data) for array in arrays]
        self._dtypes = [info.element.numpy for info in loaded.outputs]

    def run(self, inputs: Sequence[Array | memoryview]) -> list[Array]:
        """The outputs of one run, in memory that the next one overwrites.

        `inputs` are arrays of the model's shapes and types, or their raw bytes. They are copied, which for
        so little is cheaper than lending them to OpenVINO. Raises RequestError when OpenVINO fails.
        """
        for (array, raw), given in zip(self._memory, inputs, strict=True):
            if type(given) is memoryview:
                raw[:] = given
            else:
                np.copyto(array, given)
        try:
            outputs = self._request.infer(share_outputs=True).values()
        except RuntimeError as error:
            raise RequestError(Fault.INFERENCE_FAILED) from error
        return [
            output if output.dtype == dtype else output.view(dtype)
            for output, dtype in zip(outputs, self._dtypes, strict=True)
        ]
