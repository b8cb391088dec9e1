"""KServe's Python model server with OpenVINO models: `python kserve_runtime.py PORT NAME=FOLDER…`.

Runs in KServe's environment. As fast as its options allow: no access log, no latency log, no gRPC.
It takes a picture as base64 text: KServe turns raw BYTES into UTF-8 text first, which a JPEG file is not,
and all other binary tensors into Python lists (kserve 0.21.0, InferRequest.from_bytes).
"""

import base64
import sys
from pathlib import Path
from typing import Any

import kserve  # type: ignore[import-not-found]  # installed where this runs only
import uvicorn
from openvino_pool import OpenVinoPool


class OpenVinoModel(kserve.Model):  # type: ignore[misc]  # Any without KServe
    """One model."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._pool = OpenVinoPool(folder)
        self.ready = True

    async def predict(
        self,
        payload: kserve.InferRequest,
        headers: dict[str, str] | None = None,  # noqa: ARG002 - KServe's signature
        response_headers: dict[str, str] | None = None,  # noqa: ARG002 - as above
    ) -> kserve.InferResponse:
        """Infer once."""
        given = payload.inputs[0]
        if given.datatype == "BYTES":
            result = await self._pool.infer_picture(base64.b64decode(given.data[0]))
        else:
            result = await self._pool.infer(given.as_numpy())
        output = kserve.InferOutput(self._pool.output_name, list(result.shape), "FP32")
        output.set_data_from_numpy(result, binary_data=payload.use_binary_outputs)
        return kserve.InferResponse(
            payload.id or "", self.name, [output], use_binary_outputs=payload.use_binary_outputs
        )


class _QuietLoopback(uvicorn.Config):
    """KServe always listens on all addresses and logs each request; a benchmark must do neither."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{**settings, "host": "127.0.0.1", "access_log": False})


def main() -> None:
    """Serve until the process is ended."""
    port, *models = sys.argv[1:]
    uvicorn.Config = _QuietLoopback  # type: ignore[misc]  # KServe offers no setting for it
    server = kserve.ModelServer(
        http_port=int(port), enable_grpc=False, enable_latency_logging=False, workers=1
    )
    pairs = (model.split("=", 1) for model in models)
    server.start([OpenVinoModel(name, Path(folder)) for name, folder in pairs])


if __name__ == "__main__":
    main()
