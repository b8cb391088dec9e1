"""Runs `model-sync` with a clock of the day that jumps when a file says so.

    python -m shifted_clock OFFSET -- run

`OFFSET` is a file with seconds to add to the time of day. Time that only counts up (`time.monotonic`) is left
alone, as it is when somebody sets a machine's clock. Signatures for the store keep the real time as well: a
store refuses a clock that is wrong by more than 15 minutes, which is another fault.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from model_sync.cli import main
from model_sync.store.s3_client import S3Client


def shift_clock(offset: Path) -> None:
    """Let `time.time` answer the time of day plus what `offset` holds now."""
    now = time.time
    assert _signs_by(now), "signatures for the store would jump, too"

    def shifted() -> float:
        try:
            return now() + float(offset.read_text())
        except FileNotFoundError:
            return now()

    time.time = shifted


def _signs_by(clock: Callable[[], float]) -> bool:
    defaults = S3Client.__init__.__kwdefaults__ or {}
    return defaults["now"] is clock


if __name__ == "__main__":
    shift_clock(Path(sys.argv[1]))
    sys.argv = ["model-sync", *sys.argv[3:]]
    main()
