"""The child of `preflight`: reads one JSON line, loads that model, runs it, prints one JSON line.

An empty line says first that the request was read, so that a death before is not taken for the model's fault.

It protects its parent from itself: limits on memory and time, no files but the model's and no connections
(`confinement`), first in line for the kernel's out-of-memory killer, gone when the parent is gone.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_common.errors import RejectedError

from model_sync.bucket.completeness import IncompleteError
from model_sync.preflight.confinement import confine_to

_PR_SET_PDEATHSIG = 1
_MAX_REASON = 300
_NICE = 10


def main() -> None:
    """Entry point; imports OpenVINO before it reads, so that the import overlaps with the download."""
    answer_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries that print must not spoil the answer
    _die_with_parent()
    _stand_back()
    from model_sync.preflight.loaded_model import LoadedModel, is_short_of_memory  # noqa: PLC0415 - after the above

    request = json.loads(sys.stdin.readline())
    os.write(answer_to, b"\n")
    _limit_memory(request["memory"], request["allowance"])
    resource.setrlimit(resource.RLIMIT_CPU, (request["cpu_seconds"], request["cpu_seconds"]))
    folder = Path(request["folder"])
    confine_to(_to_read(request))
    try:
        answer = _inspect(LoadedModel.load, request)
    except IncompleteError as error:
        answer = {"missing": str(error)}
    except RejectedError as error:
        answer = {"rejection": str(error)}
    except (MemoryError, RuntimeError) as error:
        reason = _essence(str(error).replace(f"{folder}/", ""))
        advice = "check that the file is complete and was exported without errors, then upload it again"
        answer = {"rejection": f"OpenVINO cannot load it: {reason}; {advice}"}
        if is_short_of_memory(error):
            answer = {"short_of_memory": True}
    os.write(answer_to, json.dumps(answer).encode() + b"\n")
    os._exit(0)  # no destructor of a half-broken model may change the answer


def _to_read(request: dict[str, Any]) -> Iterator[Path]:
    yield Path(request["folder"])
    if request["sample"] is not None:
        yield Path(request["sample"]["picture"])
    if request["acceptance"] is not None and request["acceptance"]["served"] is not None:
        yield Path(request["acceptance"]["served"]["folder"])


def _inspect(load: Callable[[Path, dict[str, Any], int], Any], request: dict[str, Any]) -> dict[str, Any]:
    idle = _resident()
    model = load(Path(request["folder"]), request["settings"], request["memory"])
    rejection = _run(model, request["sample"])
    if rejection is not None:
        return {"rejection": rejection}
    answer: dict[str, Any] = model.facts()
    if request["acceptance"] is not None:
        from model_sync.preflight.acceptance_run import run_acceptance  # noqa: PLC0415 - only few versions bring it

        answer["acceptance"] = run_acceptance(
            model, request["acceptance"], allowance=request["allowance"], used=_resident() - idle
        )
    return answer


def _run(model: Any, asked: dict[str, Any] | None) -> str | None:
    """Infer once, on the sample picture or on zeros; what is wrong with the answer to the picture."""
    sample = None
    if asked is not None:
        from model_sync.preflight.card_pictures import SampleCheck  # noqa: PLC0415 - only a few cards bring a picture

        sample = SampleCheck.read(asked)
    if not model.take(sample.tensor if sample is not None else lambda *_: None):
        return None  # an input that nobody can make up: then only loading is checked
    model.request.infer()
    return sample.rejection(model.outputs()) if sample is not None else None


def _essence(text: str) -> str:
    """The sentence inside OpenVINO's multi-line message; the rest is source positions of its own."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if ".cpp:" not in line and not line.endswith(":")]
    return (telling or lines or ["it gives no reason"])[-1].rstrip("!. ")[:_MAX_REASON]


def _resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _limit_memory(address_space: int, allowance: int) -> None:
    """Refuse to this process what goes beyond `allowance` bytes from here on."""
    status = Path("/proc/self/status").read_text()
    data = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData"))
    for limit, most in ((resource.RLIMIT_AS, address_space), (resource.RLIMIT_DATA, data + allowance)):
        resource.setrlimit(limit, (most, most))


def _stand_back() -> None:
    """Take the processor and disk when nobody else wants them, and only half of the cores."""
    os.nice(_NICE)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[: max(1, len(cores) // 2)])


def _die_with_parent() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):  # not allowed in some sandboxes; the limits still hold
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main()
