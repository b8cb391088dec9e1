"""SIGKILL in the middle of a large download.

A large object is fetched in ranges over several connections. Whatever byte a kill meets, the next start asks
for exactly what the journal of the part does not vouch for, and what is published is what was uploaded.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from answers import digest_of, put_version, wait_answer
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack
from part_files import complement_of, covered_ranges, merged, total_of
from tiny_models import write_model
from watched_store import WatchedStore

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(240)]

KEY = "car/1/model.onnx"
PADDING = 72 * 1024 * 1024
BYTES_PER_SECOND = 3 * 1024 * 1024
KILLS = 6
WITHIN = 60.0


def moments(seed: int, size: int) -> Iterator[int]:
    """How many bytes have to be there for each kill, ascending; the last is long before the end."""
    dice = random.Random(seed)
    yield from sorted(dice.randrange(1, size // 2) for _ in range(KILLS))


def wait_for_bytes(stack: Stack, wanted: int) -> None:
    """Return once so many bytes of the object are there, or all of them."""

    def look() -> str | None:
        with suppress(FileNotFoundError):  # the part becomes a file of the tree meanwhile
            covered = covered_ranges(stack.folder.volume, "car", "1")
            there = None if covered is None else total_of(covered)
            return None if there is None or there >= wanted else f"{there} of {wanted} bytes are there"
        return "it is being moved"

    wait_until(f"{wanted} bytes of {KEY}", look, within=WITHIN)


@pytest.mark.fault(
    "SIGKILL at random bytes of the download of one large object in ranges",
    "the next start fetches exactly what is not there yet, and the whole is what was uploaded",
)
def test_no_byte_of_a_killed_ranged_download_is_fetched_twice(
    idle_stack: Stack, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails, to repeat it
    folder = write_model(tmp_path / "1", 1.0, padding=PADDING)
    size = (folder / "model.onnx").stat().st_size
    there: list[tuple[int, int]] = []
    with WatchedStore(idle_stack.store.endpoint, BYTES_PER_SECOND) as watched:
        settings = {"S3_ENDPOINT": watched.endpoint, "PREFLIGHT": "off"}
        sidecar = idle_stack.start_sidecar(**settings)
        put_version(idle_stack.store.client(), folder, "car/1")
        for moment in moments(seed, size):
            wait_for_bytes(idle_stack, moment)
            sidecar.kill()
            covered = covered_ranges(idle_stack.folder.volume, "car", "1")
            assert covered is not None, "the download had ended already"
            assert total_of(covered) >= moment
            there = covered
            asked = len(watched.requests)
            sidecar = idle_stack.start_sidecar(**settings)
        idle_stack.start_server()
        wait_answer(idle_stack, "car", 1.0, within=WITHIN)
        fetched = [(one.start, one.end or size) for one in watched.requests[asked:] if one.key == KEY]
    assert merged(fetched) == complement_of(there, size)
    published = idle_stack.folder.volume / "car" / "1" / "model.onnx"
    assert digest_of(published) == digest_of(folder / "model.onnx")
    seen(
        f"{KILLS} kills, {total_of(there)} of {size} bytes were there at the last one and not asked for again"
    )
