"""The smallest MLServer runtime for OpenVINO. Runs in MLServer's environment.

MLServer's REST interface has no binary tensors: a tensor is a JSON list, a picture base64 text.
"""

import base64
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import (
    InferenceRequest,
    InferenceResponse,
)
from openvino_pool import OpenVinoPool


class OpenVinoRuntime(MLModel):  # type: ignore[misc]  # Any without MLServer
    """A model folder's `uri` is the version folder."""

    async def load(self) -> bool:
        """Compile the model."""
        self._pool = OpenVinoPool(Path(self.settings.parameters.uri))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Infer once."""
        given = payload.inputs[0]
        if given.datatype == "BYTES":
            result = await self._pool.infer_picture(base64.b64decode(given.data.root[0]))
        else:
            result = await self._pool.infer(NumpyCodec.decode_input(given))
        output = NumpyCodec.encode_output(self._pool.output_name, result)
        return InferenceResponse(model_name=self.name, outputs=[output])
