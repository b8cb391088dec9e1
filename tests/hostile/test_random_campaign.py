"""All kinds of attack in a random order, while good models are asked and get new versions."""

import os
import random
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from attacked_site import WITHIN, AttackedSite, attacked_site, model_bytes
from eventually import wait_until
from slow_models import slow_model

pytestmark = pytest.mark.heavy

_ATTACKS = 40
_MEMORY, _FILES, _VOLUME = 150 * 1024**2, 40, 1024**2
"""What sidecar and server may have more of at the end, and what may be left on the volume."""
_CARDS = (
    b"schema: 1\nserving: {plugin_config: {ENABLE_CPU_RESERVATION: true}}\n",
    b"schema: 1\nserving: {nireq: 100000}\n",
    b"schema: 1\nserving: {shape: '(200000000,4)'}\n",
    b"schema: 1\na: &a {k: v}\nb: {<<: [*a, *a, *a]}\n",
    b"[" * 60_000,
    b"\xff\xfe\x00",
)
_KEYS = ("1/../../good/1/model.onnx", "1//model.onnx", "1/a/../b", "01/model.onnx", "latest/\x1b]0;x", "_/x")
_REQUESTS = (
    b"GET /v2/models/good HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"POST /v2/models/good/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
    b"POST /v2/models/none/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + b"x" * 400_000,
    b"POST /v2/models/good/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n[[[[[[[[[",
    b"GET /" + b"x" * 70_000,
    b"\x16\x03\x01" + bytes(range(256)),
)


class Attacker:
    """Somebody with the right to upload, and with a way to the ports."""

    def __init__(self, site: AttackedSite, dice: random.Random, silent: ExitStack) -> None:
        self._site = site
        self._dice = dice
        self._silent = silent
        self._slow = slow_model(2_000)
        self.attacks = (
            self.bad_card, self.two_files, self.broken_model, self.slow_preflight, self.bad_key,
            self.bad_request, self.silence, self.removal,
        )  # fmt: skip

    def bad_card(self, name: str) -> None:
        card = self._dice.choice(_CARDS)
        self._site.upload(name, 1, {"model.onnx": model_bytes(5.0), "model.yaml": card})

    def two_files(self, name: str) -> None:
        self._site.upload(name, 1, {"a.onnx": model_bytes(5.0), "b.onnx": model_bytes(6.0)})

    def broken_model(self, name: str) -> None:
        whole = bytearray(model_bytes(5.0))
        for _ in range(self._dice.randint(1, 20)):
            whole[self._dice.randrange(len(whole))] = self._dice.randrange(256)
        self._site.upload(name, self._dice.randint(1, 3), {"model.onnx": bytes(whole)})

    def slow_preflight(self, name: str) -> None:
        self._site.upload(name, 1, {"model.onnx": self._slow})

    def bad_key(self, name: str) -> None:
        with suppress(Exception):  # the store's own client refuses some
            self._site.put(f"{name}/{self._dice.choice(_KEYS)}", b"hostile")

    def bad_request(self, _name: str) -> None:
        with suppress(OSError), self._connection() as connection:
            connection.sendall(self._dice.choice(_REQUESTS))
            connection.recv(100)

    def silence(self, _name: str) -> None:
        for _ in range(20):
            self._silent.enter_context(self._connection())

    def removal(self, name: str) -> None:
        self.remove(name)

    def remove(self, prefix: str) -> None:
        client = self._site.stack.store.client()
        for found in list(client.list_objects("ml-models", f"{prefix}/", recursive=True)):
            client.remove_object("ml-models", str(found.object_name))

    def _connection(self) -> socket.socket:
        ports = self._site.stack.ports
        port = int(self._dice.choice((ports.server_url, ports.sidecar_url)).rpartition(":")[2])
        return socket.create_connection(("127.0.0.1", port), timeout=0.5)


def _bytes_on(volume: Path) -> int:
    """Of all files; the sidecar may be removing some."""
    total = 0
    for folder, _, files in os.walk(volume):
        for file in files:
            with suppress(FileNotFoundError):
                total += (Path(folder) / file).stat().st_size
    return total


def _used(site: AttackedSite) -> tuple[int, int]:
    """Bytes of memory and open files of sidecar and server."""
    both = [psutil.Process(site.stack.component(name).pid) for name in ("sidecar", "server")]
    return sum(one.memory_info().rss for one in both), sum(one.num_fds() for one in both)


@pytest.mark.timeout(300)  # a busy machine needs minutes to start it all
def test_good_models_answer_and_change_through_a_random_campaign(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - to repeat a campaign that fails
    dice = random.Random(seed)
    with attacked_site(tmp_path, PREFLIGHT_TIMEOUT="30s") as site, ExitStack() as silent:
        site.upload("steady", 1, {"model.onnx": model_bytes(1.0)})
        site.serving("steady")
        attacker = Attacker(site, dice, silent)
        before, newest = _used(site), 1
        for number in range(_ATTACKS):
            dice.choice(attacker.attacks)(f"evil{dice.randint(0, 9)}")
            assert site.answer("steady") in {newest, newest - 1}
            if number % 15 == 10:
                site.serving("steady", newest)
                newest += 1
                site.upload("steady", newest, {"model.onnx": model_bytes(float(newest))})
        silent.close()
        for number in range(10):
            attacker.remove(f"evil{number}")
        volume = site.stack.folder.volume
        wait_until(
            lambda: not [*volume.glob("evil*"), *volume.glob(".model-sync/staging/evil*")], within=WITHIN
        )
        site.serving("steady", newest)
        wait_until(lambda: site.answer("steady") == newest, within=WITHIN)
        grown = [after - earlier for after, earlier in zip(_used(site), before, strict=True)]
        assert grown[0] < _MEMORY
        assert grown[1] < _FILES
        assert _bytes_on(volume) < _VOLUME
