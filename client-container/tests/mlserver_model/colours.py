"""A runtime for MLServer that tells colours apart; runs in MLServer's own environment, not in ours."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Colours(MLModel):  # type: ignore[misc]  # MLServer is not installed where the types are checked
    """Answers with the share of each channel."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        batch = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float64)
        means = batch.reshape(len(batch), -1, 3).mean(axis=1) + 1e-6
        scores = (means / means.sum(axis=1, keepdims=True)).astype(np.float32)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output("scores", scores)],
        )
