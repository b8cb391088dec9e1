"""`model-sync once` that leaves flushing to the system, as the peers do; to see what fsync costs."""

import os
import sys

from model_sync.cli import main

for name in ("fsync", "fdatasync"):
    setattr(os, name, lambda _descriptor: None)
sys.argv = ["model-sync", "once"]
main()
