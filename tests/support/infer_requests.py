"""Requests for inferences, as JSON."""

import json


def infer_body(values: list[float]) -> bytes:
    """A JSON request for the models of `Models`."""
    tensor = {"name": "x", "shape": [1, len(values)], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [tensor]}).encode()
