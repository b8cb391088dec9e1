"""Files uploaded one by one.

Every order of the files of one version, each order under a model of its own, with pauses between the files
that are longer than an upload may be quiet. A server sees all of it while it happens.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from answers import answer_of, digest_of, entry_of, put_object
from edge_common.served_state import VersionState
from edge_stack.measuring.served_timeline import ServedTimeline
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack
from tiny_models import write_ir_model
from volume_watch import VolumeWatch

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(240)]

WITHIN = 90.0
PAUSE = 2.5
"""Seconds between two files; longer than SETTLE and several polls."""
FILES = ("model.xml", "model.bin", "labels.txt")
WHOLE = "no look at the volume ever finds a part of a pair, the server never fails a load, all files arrive"


def read_upload(folder: Path, *, sums: bool) -> dict[str, bytes]:
    (folder / "labels.txt").write_text("car\nvan\nbus\nnone\n")
    contents = {name: (folder / name).read_bytes() for name in FILES}
    if sums:
        lines = [f"{digest_of(folder / name)}  {name}\n" for name in FILES]
        contents["SHA256SUMS"] = "".join(lines).encode()
    return contents


@pytest.mark.fault("{sums} SHA256SUMS, all orders, 2.5 s between two files", WHOLE)
@pytest.mark.parametrize("sums", ["with", "without"])
def test_no_order_of_files_is_ever_half_served(
    stack: Stack, tmp_path: Path, sums: str, seen: Callable[[str], None]
) -> None:
    folder = write_ir_model(tmp_path / "ir", 3.0)
    contents = read_upload(folder, sums=sums == "with")
    orders = list(itertools.permutations(contents))
    digests = {digest_of(folder / name) for name in FILES}
    client = stack.store.client()
    names = [f"order{number}" for number in range(len(orders))]
    with (
        VolumeWatch(stack.folder.volume, dict.fromkeys(names, digests)) as watch,
        ServedTimeline(stack.ports.server_url) as timeline,
    ):
        for place in range(len(contents)):
            for name, order in zip(names, orders, strict=True):
                put_object(client, f"{name}/1/{order[place]}", contents[order[place]])
            time.sleep(PAUSE)
            too_early = [
                name
                for name, order in zip(names, orders, strict=True)
                if _served(stack, name) and not _may_be_served(order[: place + 1])
            ]
            assert too_early == [], f"served after {place + 1} files"
        for name in names:
            wait_until(f"{name} served whole", lambda name=name: _whole(stack, name), within=WITHIN)  # type: ignore[misc]  # mypy infers no type for a default
    assert watch.faults == []
    assert VersionState.FAILED not in {change.state for change in timeline.transitions()}
    assert {answer_of(stack, name) for name in names} == {3.0}
    seen(f"{len(orders)} orders, {watch.looks} looks at the volume, 0 failed loads")


def _served(stack: Stack, name: str) -> bool:
    return VersionState.AVAILABLE in stack.served().get(name, {}).values()


def _may_be_served(there: Sequence[str]) -> bool:
    """Whether the files were a whole version at some moment; what is served then stays while more arrive."""
    return any(_is_whole(there[:count]) for count in range(1, len(there) + 1))


def _is_whole(there: Sequence[str]) -> bool:
    # nobody names labels.txt before SHA256SUMS is there: until then a quiet pair is a whole model
    return set(there) >= ({*FILES} if "SHA256SUMS" in there else {"model.xml", "model.bin"})


def _whole(stack: Stack, name: str) -> str | None:
    state = entry_of(stack, name, 1).get("state")
    missing = [file for file in FILES if not (stack.folder.volume / name / "1" / file).exists()]
    served = [n for n, s in stack.served().get(name, {}).items() if s is VersionState.AVAILABLE]
    whole = state == "serving" and served == [1] and not missing
    return None if whole else f"it is {state}, served {served}, without {missing}"
