from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from model_sync.gate.preflight_record import PreflightRecord

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
