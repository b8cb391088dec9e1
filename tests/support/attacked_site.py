"""A running platform with a good model under load, and what an uploader can do to it."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from answers import answer_of, entry_of, put_object, wait_answer
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.waiting import http_get
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from eventually import wait_until
from quick_settings import QUICK
from tiny_models import write_model
from warm_stack import warm_stack

WITHIN = 60.0


class AttackedSite:
    """A stack and the attacker's way into it: the bucket."""

    def __init__(self, stack: Stack) -> None:
        """Attack what runs as `stack`."""
        self.stack = stack
        self._client = stack.store.client()

    def put(self, key: str, content: bytes) -> None:
        """Upload one object."""
        put_object(self._client, key, content)

    def remove(self, key: str) -> None:
        """Remove one object."""
        self._client.remove_object("ml-models", key)

    def upload(self, model: str, version: int, files: Mapping[str, bytes]) -> None:
        """Upload a version whole: its files, SHA256SUMS last."""
        for name, content in files.items():
            self.put(f"{model}/{version}/{name}", content)
        lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()]
        self.put(f"{model}/{version}/SHA256SUMS", "".join(lines).encode())

    def rejection(self, model: str, version: int = 1) -> str:
        """The sentence with which a version is rejected; fails when it is not within a minute."""
        return str(self.stack.wait_version(model, version, "rejected", within=WITHIN)["reason"])

    def serving(self, model: str, version: int = 1) -> None:
        """Wait until a version serves; fails when it does not within a minute."""
        self.stack.wait_version(model, version, "serving", within=WITHIN)

    def until(self, model: str, said: str, version: int = 1) -> None:
        """Wait until a version serves with a reason that has `said` in it, or with none for an empty one."""

        def holds() -> bool:
            entry = entry_of(self.stack, model, version)
            reason = str(entry["reason"])
            return entry["state"] == "serving" and (said in reason if said else not reason)

        wait_until(holds, within=WITHIN)

    def card(self, model: str) -> dict[str, Any]:
        """The card that the sidecar serves for the model; empty for none."""
        reply = http_get(f"{self.stack.ports.sidecar_url}/v1/models/{model}/card")
        found: dict[str, Any] = reply.json() if reply.status == HTTPStatus.OK else {}
        return found

    def answer(self, model: str) -> float:
        """What the model answers now."""
        return answer_of(self.stack, model)


def model_bytes(answer: float) -> bytes:
    """An ONNX file that answers `answer`."""
    with TemporaryDirectory() as folder:
        return (write_model(Path(folder) / "m", answer) / "model.onnx").read_bytes()


@contextmanager
def attacked_site(root: Path, **settings: str) -> Iterator[AttackedSite]:
    """A site whose model `good` is asked all the while.

    At the end no request for it has failed, and a second version of it is served within a minute.
    """
    options = StackOptions(root=root, store=StoreKind.EMBEDDED, sidecar_settings={**QUICK, **settings})
    with warm_stack(options) as stack:
        stack.start_store()
        stack.start_sidecar()
        stack.start_server()
        site = AttackedSite(stack)
        site.upload("good", 1, {"model.onnx": model_bytes(1.0)})
        site.serving("good")
        with Load(stack.ports.server_url, "good", threads=2, pause=0.02) as load:
            yield site
            site.upload("good", 2, {"model.onnx": model_bytes(2.0)})
            wait_answer(stack, "good", 2.0, within=WITHIN)
        told = summarize(load.answers())
        assert told.failures == 0, told.first_error
