"""The goals of the server, held against the figures of one run."""

from collections.abc import Sequence

from comparing import Row
from contestants import OURS, OURS_FOR_THROUGHPUT
from lifecycle import POLL_SECONDS, Swap

_OF_RAW_QUEUE = 0.78
_TIMES_RIVAL = 2.0
_BUSY = 4
_SWAP_OVERHEAD_SECONDS = 0.05


def judge_images(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Goal and result for each model with binary tensors over four connections and more."""
    ratios: dict[str, list[float]] = {}
    for row in rows:
        if row.server == OURS_FOR_THROUGHPUT and row.wire == "binary" and row.connections >= _BUSY:
            ratios.setdefault(row.subject, []).append(row.ratio)
    return [
        (
            f"{subject}, THROUGHPUT, binary, 4 and 16 connections: at least {_OF_RAW_QUEUE} of the raw queue",
            _verdict(min(found) >= _OF_RAW_QUEUE, " and ".join(f"{ratio:.2f}" for ratio in found)),
        )
        for subject, found in ratios.items()
    ]


def judge_tiny(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Goal and result against each rival's fastest body."""
    ours = {row.connections: row for row in rows if row.server == OURS and row.wire == "binary"}
    goals = []
    for rival in ("MLServer", "KServe"):
        times = [
            ours[connections].load.rate
            / max(row.load.rate for row in rows if row.server == rival and row.connections == connections)
            for connections in ours
            if any(row.server == rival for row in rows)
        ]
        if times:
            found = ", ".join(f"{factor:.1f}" for factor in times)
            goals.append(
                (
                    f"tiny model: at least {_TIMES_RIVAL:.0f} times {rival}",
                    _verdict(min(times) >= _TIMES_RIVAL, found),
                )
            )
    return goals


def judge_swaps(swaps: Sequence[Swap]) -> list[tuple[str, str]]:
    """Goal and result of each model; the longest swap counts."""
    return [
        (
            f"{swap.subject}: AVAILABLE within poll + load + 50 ms",
            _verdict(
                swap.longest_seconds <= POLL_SECONDS + swap.load_seconds + _SWAP_OVERHEAD_SECONDS,
                f"{swap.longest_seconds * 1e3:.0f} ms at most, load {swap.load_seconds * 1e3:.0f} ms",
            ),
        )
        for swap in swaps
    ]


def _verdict(is_met: bool, figures: str) -> str:
    return f"{'met' if is_met else '**not met**'}: {figures}"
