"""The child of `load_check`: loads the version that it is told on standard input, and says how that went."""

import ctypes
import os
import pickle
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

import orjson

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Entry point. Ends without destructors: no half-broken model may change the verdict."""
    answer_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries that print must not spoil the answer
    _die_with_parent()
    from ovms_lite.errors import LoadError  # noqa: PLC0415 - after the protections above
    from ovms_lite.models.loading import ModelLoader  # noqa: PLC0415 - as above

    config, version, cache_dir, cpu_extension = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    answer: dict[str, object] = {}
    try:
        ModelLoader(cache_dir, cpu_extension).load(config, version)
    except LoadError as error:
        answer = {"problem": str(error), "reload_status": error.reload_status}
    os.write(answer_to, orjson.dumps(answer))
    os._exit(0)


def _die_with_parent() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):  # not allowed in some sandboxes
        Path("/proc/self/oom_score_adj").write_text("1000")  # first in line when memory runs out


if __name__ == "__main__":
    main()
