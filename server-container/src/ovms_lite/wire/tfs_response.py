"""Answers of the TensorFlow Serving interface: predictions, version states, metadata. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from edge_common.served_state import VersionState

from ovms_lite.wire.http_message import Response
from ovms_lite.wire.kserve_response import json_values
from ovms_lite.wire.tensors import Array, TensorInfo


def predict_response(infos: Sequence[TensorInfo], arrays: Sequence[Array], *, row_form: bool) -> Response:
    """`predictions` in row form, `outputs` in column form; names are left out for an only output."""
    named = {
        info.name: array.astype(float) if array.dtype.name == "float16" else _plain(info, array)
        for info, array in zip(infos, arrays, strict=True)
    }
    only = next(iter(named.values())) if len(named) == 1 else None
    if not row_form:
        document: dict[str, Any] = {"outputs": named if only is None else only}
    elif only is not None:
        document = {"predictions": only}
    else:
        rows = min((len(column) for column in named.values()), default=0)
        document = {
            "predictions": [{name: column[row] for name, column in named.items()} for row in range(rows)]
        }
    return Response(200, (orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY, default=_scalar),))


def _plain(info: TensorInfo, array: Array) -> Any:
    return json_values(info, array.reshape(-1)) if info.element.is_string else array


def _scalar(value: Any) -> Any:
    """What orjson does not write by itself: rows that are not contiguous, and scalars of rare types."""
    return value.tolist()


def version_status(versions: Iterable[tuple[int, VersionState]]) -> dict[str, Any]:
    """`{"model_version_status": […]}`; a failed version is LOADING with the code UNKNOWN, as on OVMS."""
    return {"model_version_status": [_one_status(*version) for version in versions]}


def _one_status(version: int, state: VersionState) -> dict[str, Any]:
    failed = state is VersionState.FAILED
    code = "UNKNOWN" if failed else "OK"
    return {
        "version": str(version),
        "state": str(VersionState.LOADING if failed else state),
        "status": {"error_code": code, "error_message": code},
    }


def signature_metadata(
    name: str, version: str, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> dict[str, Any]:
    """`GET /v1/models/<m>/metadata`: a SignatureDefMap as protobuf's JSON has it."""
    return {
        "modelSpec": {"name": name, "signatureName": "", "version": version},
        "metadata": {
            "signature_def": {
                "@type": "type.googleapis.com/tensorflow.serving.SignatureDefMap",
                "signatureDef": {
                    "serving_default": {
                        "inputs": {info.name: _signature(info) for info in inputs},
                        "outputs": {info.name: _signature(info) for info in outputs},
                        "methodName": "",
                    }
                },
            }
        },
    }


def _signature(info: TensorInfo) -> dict[str, Any]:
    sizes = [{"size": str(dimension.as_metadata()), "name": ""} for dimension in info.shape]
    return {
        "dtype": info.element.tensorflow,
        "tensorShape": {"dim": sizes, "unknownRank": False},
        "name": info.name,
    }
