"""Uploads that take long in preflight, or end the whole container of the sidecar."""

from pathlib import Path

import psutil
from attacked_site import WITHIN, attacked_site, model_bytes
from eventually import wait_until
from slow_models import slow_model


def test_uploads_that_hang_in_preflight_let_others_pass(tmp_path: Path) -> None:
    with attacked_site(tmp_path, PREFLIGHT_TIMEOUT="5m") as site:
        slow = slow_model(20_000)
        for number in range(10):
            site.upload(f"hang{number}", 1, {"model.onnx": slow})
        site.upload("newcomer", 1, {"model.onnx": model_bytes(3.0)})
        site.stack.wait_version("hang0", 1, "preflight", within=WITHIN)
        # on leaving the context, a second version of `good` has to be served within a minute


def test_a_preflight_that_ends_the_whole_container_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    with attacked_site(tmp_path) as site:
        site.upload("deadly", 1, {"model.onnx": slow_model(20_000)})
        record = site.stack.folder.volume / ".model-sync"
        wait_until(lambda: any(record.rglob("in-preflight.json")), within=WITHIN)
        sidecar = psutil.Process(site.stack.component("sidecar").pid)
        for process in (sidecar, *sidecar.children(recursive=True)):  # as the kubelet kills a container
            process.kill()
        wait_until(lambda: not sidecar.is_running() or sidecar.status() == psutil.STATUS_ZOMBIE)
        site.stack.start_sidecar()
        assert "its preflight ended the sidecar; it needs more than" in site.rejection("deadly")
