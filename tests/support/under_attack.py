"""How long a good model's requests take while others attack, against a quiet run on the same machine.

PYTHONPATH=tests/support python -m under_attack [--seconds 10]

The whole platform runs with the embedded store; one caller asks a tiny model, 50 times a second at most.
Tells in a table p50 and p99 in milliseconds, the ratio of p99 to the quiet run, and failed requests.
"""

import argparse
import json
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from attacked_site import AttackedSite, attacked_site, model_bytes
from edge_common.openvino_runtime import ov
from edge_stack.measuring.load import Load, LoadSummary, summarize
from image_models import whole_number_model
from jpeg_bombs import jpeg_bomb
from slow_models import slow_model

_REQUESTS = {
    "requests that nobody should send, one after the other": b"POST /v2/models/m/infer HTTP/1.1\r\n\r\n{[",
    "bodies of 1 MB for a model that does not exist": b"POST /v2/models/none/infer HTTP/1.1\r\nHost: a\r\n"
    b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000,
}


def _sending(site: AttackedSite, content: bytes) -> Callable[[], None]:
    port = int(site.stack.ports.server_url.rpartition(":")[2])

    def send() -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(content)
            connection.recv(1000)

    return send


def _uploads(site: AttackedSite) -> Callable[[], None]:
    names = iter(range(1_000_000))
    slow = slow_model(20_000)

    def upload() -> None:
        number = next(names)
        if number < 8:  # as many as there are fetches at a time
            site.upload(f"hang{number}", 1, {"model.onnx": slow})
        else:
            site.upload(f"evil{number % 10}", number, {"a.onnx": model_bytes(5.0), "b.onnx": b"x"})
        time.sleep(0.1)

    return upload


def _pictures(site: AttackedSite) -> Callable[[], None]:
    """Small files that a decoder would draw over and over, sent to a model that takes pictures."""
    with tempfile.TemporaryDirectory() as folder:
        ov.save_model(whole_number_model(channels=1), Path(folder) / "model.xml")
        site.upload("pictures", 1, {path.name: path.read_bytes() for path in Path(folder).iterdir()})
    site.serving("pictures")
    picture = jpeg_bomb(1600, 1600, 90)
    bomb = struct.pack("<I", len(picture)) + picture
    tensor = {
        "name": "image",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(bomb)},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    return _sending(
        site,
        b"POST /v2/models/pictures/infer HTTP/1.1\r\nHost: a\r\n"
        + f"Inference-Header-Content-Length: {len(head)}\r\n".encode()
        + f"Content-Length: {len(head) + len(bomb)}\r\n\r\n".encode()
        + head
        + bomb,
    )


@contextmanager
def _held() -> Iterator[list[socket.socket]]:
    held: list[socket.socket] = []
    yield held
    for connection in held:
        connection.close()


def _silence(site: AttackedSite, held: list[socket.socket]) -> Callable[[], None]:
    """Connections to server and sidecar, 500 each at most, that send nothing."""
    ports = [
        int(url.rpartition(":")[2]) for url in (site.stack.ports.server_url, site.stack.ports.sidecar_url)
    ]

    def connect() -> None:
        if len(held) >= 1000:
            time.sleep(0.1)
            return
        with suppress(OSError):
            held.append(socket.create_connection(("127.0.0.1", ports[len(held) % 2]), timeout=1))

    return connect


def _measured(site: AttackedSite, attack: Callable[[], None] | None, seconds: float) -> LoadSummary:
    ended = threading.Event()

    def on_and_on() -> None:
        while attack is not None and not ended.is_set():
            attack()

    attacker = threading.Thread(target=on_and_on)
    with Load(site.stack.ports.server_url, "good", threads=1, pause=0.02) as load:
        attacker.start()
        time.sleep(seconds)
        ended.set()
    attacker.join()
    return summarize(load.answers())


def main() -> None:
    """Measure each attack and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        site = stack.enter_context(attacked_site(Path(folder), PREFLIGHT_TIMEOUT="1m"))
        attacks: dict[str, Callable[[], None] | None] = {"nothing": None}
        attacks |= {name: _sending(site, content) for name, content in _REQUESTS.items()}
        attacks["pictures that a decoder would draw 90 times"] = _pictures(site)
        attacks["1,000 connections that say nothing"] = _silence(site, stack.enter_context(_held()))
        attacks["uploads: 8 that hang in preflight, then broken ones"] = _uploads(site)
        sys.stdout.write("| somebody sends | p50 ms | p99 ms | p99 against quiet | requests | failed |\n")
        sys.stdout.write("| --- | --- | --- | --- | --- | --- |\n")
        quiet = 0.0
        for name, attack in attacks.items():
            told = _measured(site, attack, seconds)
            quiet = quiet or told.p99
            times = f"{told.p50 * 1000:.1f} | {told.p99 * 1000:.1f} | {told.p99 / quiet:.1f}"
            sys.stdout.write(f"| {name} | {times} | {told.requests} | {told.failures} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
