"""What is free for a preflight, by cgroups as containers see them."""

import sys
from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from model_sync.preflight import check
from model_sync.preflight.check import Preflight
from model_sync.preflight.memory import PreflightRecord, free_memory
from sync_models import write_onnx

_MIB = 1024**2
_RESERVE = 64 * _MIB


def _machine(root: Path, files: dict[str, str]) -> Path:
    for name, content in {"proc/meminfo": "MemTotal: 9 kB\nMemAvailable: 8388608 kB\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def _group(folder: str, limit: int | str, used: int, cache: int = 0) -> dict[str, str]:
    if folder.startswith("sys/fs/cgroup/memory"):
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    else:
        names = ("memory.max", "memory.current", "inactive_file")
    return {
        f"{folder}/{names[0]}": f"{limit}\n",
        f"{folder}/{names[1]}": f"{used}\n",
        f"{folder}/memory.stat": f"anon 5\n{names[2]} {cache}\n",
    }


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 8192),  # only the machine
        ({"proc/self/cgroup": "0::/\n", **_group("sys/fs/cgroup", 512 * _MIB, 100 * _MIB, 40 * _MIB)}, 452),
        ({"proc/self/cgroup": "0::/\n", **_group("sys/fs/cgroup", "max", 100 * _MIB)}, 8192),
        (
            {
                "proc/self/cgroup": "0::/pod/sidecar\n",
                **_group("sys/fs/cgroup/pod", 300 * _MIB, 100 * _MIB),
                **_group("sys/fs/cgroup/pod/sidecar", 512 * _MIB, 50 * _MIB),
            },
            200,  # the pod's own limit is nearer
        ),
        (
            {
                "proc/self/cgroup": "5:cpu:/x\n4:memory:/kubepods/x\n0::/\n",
                **_group("sys/fs/cgroup/memory", 256 * _MIB, 56 * _MIB),
            },
            200,  # the path is the host's; the container's own group is mounted
        ),
        ({"proc/self/cgroup": "nonsense 0::\n4:memory:/\n"}, 8192),
    ],
)
def test_the_nearest_limit_counts(files: dict[str, str], free: int, tmp_path: Path) -> None:
    assert free_memory(_machine(tmp_path, files)) == free * _MIB - _RESERVE


def test_nothing_is_free_when_the_container_is_full(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/\n", **_group("sys/fs/cgroup", 512 * _MIB, 500 * _MIB)}
    assert free_memory(_machine(tmp_path, files)) == 0


def test_without_any_account_nobody_tells(tmp_path: Path) -> None:
    assert free_memory(tmp_path) is None


def test_a_model_that_needs_more_than_is_free_is_rejected_with_how_much_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "free_memory", lambda: 100 * _MIB)
    tree = write_onnx(tmp_path)
    settings = {"shape": "(4000000,4)"}  # 61 MiB to read, as many to answer
    with (
        Preflight(timeout=60, memory=8 * 1024**3, shares=2) as child,
        pytest.raises(RejectedError, match=r"more than the 50.0 MiB of memory that preflight may take here"),
    ):
        child.check(tree, settings)


def test_memory_taken_behind_the_limits_back_ends_the_check(tmp_path: Path) -> None:
    grows = "import mmap, sys, time; sys.stdin.readline(); print(flush=True); time.sleep(0.5); "
    grows += "m = mmap.mmap(-1, 1 << 28); m.write(b'x' * (1 << 28)); time.sleep(60)"
    command = [sys.executable, "-c", grows]
    with (
        Preflight(timeout=30, memory=64 * _MIB, command=command) as child,
        pytest.raises(RejectedError, match=r"more than the 64.0 MiB of memory"),
    ):
        child.check(tmp_path, {})


_MIB = 1024**2


def _goes_on(folder: Path, upload: str = "u", allowance: int = 100 * _MIB) -> bool:
    try:
        PreflightRecord(folder, upload, allowance).raise_for_earlier_end()
    except RejectedError:
        return False
    return True


def _ends_the_sidecar(folder: Path, allowance: int = 100 * _MIB) -> None:
    PreflightRecord(folder, "u", allowance).begin()


def test_a_preflight_that_returned_leaves_nothing(tmp_path: Path) -> None:
    record = PreflightRecord(tmp_path, "u", _MIB)
    record.begin()
    record.clear()
    assert list(tmp_path.iterdir()) == []
    assert _goes_on(tmp_path)


def test_a_version_whose_preflight_ended_the_sidecar_is_rejected_with_the_memory_it_had(
    tmp_path: Path,
) -> None:
    _ends_the_sidecar(tmp_path)
    with pytest.raises(RejectedError, match=r"ended the sidecar; it needs more than 100.0 MiB of memory"):
        PreflightRecord(tmp_path, "u", 90 * _MIB).raise_for_earlier_end()


def test_it_is_tried_once_more_later_and_then_only_with_more_memory(tmp_path: Path) -> None:
    _ends_the_sidecar(tmp_path)
    assert not _goes_on(tmp_path)
    assert _goes_on(tmp_path)
    _ends_the_sidecar(tmp_path)
    assert [_goes_on(tmp_path) for _ in range(3)] == [False, False, False]
    assert _goes_on(tmp_path, allowance=200 * _MIB)


def test_another_upload_is_not_concerned(tmp_path: Path) -> None:
    _ends_the_sidecar(tmp_path)
    assert _goes_on(tmp_path, upload="other")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"upload_id": 1}', "null"])
def test_a_record_that_is_none_is_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "in-preflight.json").write_text(content)
    assert _goes_on(tmp_path)
