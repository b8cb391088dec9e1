"""Where a notebook finds the platform."""

import os
from pathlib import Path

import psutil
import pytest
from edge_common.errors import FatalError
from edge_stack.background.record import ProcessRecord, StackRecord
from model_notebook.platform import RECORD, Platform

ADDRESSES = {
    "MODEL_SYNC_S3_ENDPOINT": "http://127.0.0.1:9000",
    "CAR_CLIENT_SERVER_URL": "http://127.0.0.1:8000",
    "CAR_CLIENT_SIDECAR_URL": "http://127.0.0.1:9",
}


def recorded(folder: Path, *, pid: int, started: float) -> None:
    process = ProcessRecord(name="store", pid=pid, started=started, log=folder / "log")
    record = StackRecord(store="embedded", addresses={}, environment=ADDRESSES, processes=(process,))
    (folder / RECORD).parent.mkdir(parents=True)
    record.write(folder / RECORD)


def test_the_environment_comes_first(tmp_path: Path) -> None:
    platform = Platform.find(ADDRESSES | {"MODEL_SYNC_BUCKET": "mine"}, tmp_path)
    assert (platform.store.bucket, platform.client.server_url) == ("mine", "http://127.0.0.1:8000")


def test_a_stack_of_make_up_is_found_from_a_folder_below(tmp_path: Path) -> None:
    # this process stands for one of the stack
    recorded(tmp_path, pid=os.getpid(), started=psutil.Process().create_time())
    below = tmp_path / "jupyter-notebook"
    below.mkdir()
    assert Platform.find({}, below).sidecar_url == "http://127.0.0.1:9"


def test_a_stack_that_has_ended_does_not_count(tmp_path: Path) -> None:
    recorded(tmp_path, pid=1, started=0.0)
    with pytest.raises(
        FatalError, match="no `make up` runs here; start one with `make up`, or set MODEL_SYNC"
    ):
        Platform.find({}, tmp_path)


def test_a_sidecar_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"the sidecar does not answer at http://127\.0\.0\.1:9"):
        Platform.find(ADDRESSES, tmp_path).serving("cars")
