"""Importing this first keeps OpenVINO from sending usage data.

`import openvino` starts a thread that forks and reports to a web service (seen with 2026.4.1). Nobody asked
for that here, and a fork of a process with threads can hang: one such fork kept a pipe of ours open for ever.
OpenVINO falls back to a stub of its own when the package that reports cannot be imported.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None makes an import of it fail
