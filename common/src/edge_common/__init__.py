"""What the components share: errors, logs, quantities, model cards, atomic files, served states, HTTP."""

import os
import sys
from types import ModuleType

# pydantic else reads the entry points of every installed package before its first model: 30 ms of each start
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

# minio's client for administrators loads two cryptographic libraries and a parser of C: 4 MiB a process.
# Only the chart's scripts use it, and they import nothing of ours.
_nobody = ModuleType("minio.minioadmin")
vars(_nobody)["MinioAdmin"] = None
sys.modules.setdefault(_nobody.__name__, _nobody)
