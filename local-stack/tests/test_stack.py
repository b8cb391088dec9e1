import json
from pathlib import Path

import pytest
from edge_common.errors import FatalError, RetryableError
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind


def test_what_was_not_started_is_named(tmp_path: Path) -> None:
    with Stack(StackOptions(root=tmp_path)) as stack:
        with pytest.raises(FatalError, match="the store was not started"):
            stack.start_sidecar()
        with pytest.raises(FatalError, match="the component server does not run"):
            stack.component("server")
        with pytest.raises(RetryableError, match="does not answer"):
            stack.served()
        with pytest.raises(RetryableError, match="does not answer"):
            stack.status()


def test_the_server_starts_on_an_empty_config_and_ends_cleanly(tmp_path: Path) -> None:
    with Stack(StackOptions(root=tmp_path)) as stack:
        (stack.folder.volume / "config.json").write_text(json.dumps({"model_config_list": []}))
        stack.start_server()
        assert stack.served() == {}
        assert stack.processes.stop_all() == {"server": 0}


def test_a_server_that_cannot_start_is_quoted(tmp_path: Path) -> None:
    with Stack(StackOptions(root=tmp_path)) as stack, pytest.raises(FatalError, match=r"config\.json"):
        stack.start_server()


def test_every_component_starts_and_none_is_left(tmp_path: Path) -> None:
    with Stack(StackOptions(root=tmp_path, store=StoreKind.EMBEDDED)) as stack:
        stack.start_all()
        assert stack.status()["store"]["reachable"]
        assert stack.served() == {}
        codes = stack.processes.stop_all()
    assert list(codes) == ["client", "server", "sidecar", "store"]
    assert (codes["server"], codes["sidecar"]) == (0, 0)
