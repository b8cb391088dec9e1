"""`python -m fuzz SECONDS [TARGET...]`: each target for so long, guided by branches taken.

Ends with 1 when a target raised what it may not, hung for ten seconds or took 4 GB; the bytes
that did it are then in `.local/fuzz-findings`.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_FINDINGS = Path(".local/fuzz-findings")
_OURS = ["edge_common", "model_sync", "ovms_lite"]


def _run(atheris: Any, name: str, target: Any, seconds: int) -> int:
    """The exit code of libFuzzer, in a process of its own: it ends the one it runs in."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=4096", "-verbosity=0"]
        findings = f"-artifact_prefix={_FINDINGS}/{name}-"
        atheris.Setup([sys.argv[0], *limits, findings, "-print_final_stats=1", corpus], target.read)
        atheris.Fuzz()
    os._exit(0)


def main() -> int:
    """Run the targets one after the other."""
    seconds, names = int(sys.argv[1]), sys.argv[2:]
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=_OURS):
        targets: dict[str, Any] = import_module("fuzz.targets").TARGETS
    _FINDINGS.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in names or targets:
        sys.stderr.write(f"fuzzing {name} for {seconds} s\n")
        if _run(atheris, name, targets[name], seconds):
            failed.append(name)
    sys.stderr.write(f"{', '.join(failed)}: see {_FINDINGS}\n" if failed else "nothing found\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
