"""OpenVINO, imported without its telemetry; everybody takes it from here.

    from edge_common.openvino_runtime import ov

`import openvino` starts a thread that forks and reports to a web service (seen with 2026.4.1). Nobody who
runs a model server at the edge agreed to that, and the forked process can hang with our pipes in its hands.
Without the telemetry package OpenVINO uses a stub of its own.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None makes an import of it fail

import openvino as ov  # noqa: E402, TID251 - after the line above; the one place
import openvino.opset13 as ops  # noqa: E402, TID251 - as above
import openvino.preprocess as preprocessing  # noqa: E402, TID251 - as above

__all__ = ["ops", "ov", "preprocessing"]
