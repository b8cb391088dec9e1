import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from edge_common.errors import FatalError, RetryableError
from edge_stack.processes.ports import HOST, ReservedPort
from edge_stack.processes.running import Processes
from edge_stack.processes.waiting import wait_until
from edge_stack.store.minio_server import call_no_more, call_on_changes, find_minio
from edge_stack.store.store import BUCKET, Store, StoreKind, start_store

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def any_ports() -> Iterator[Callable[[int], ReservedPort]]:
    with ExitStack() as reserved:
        yield lambda _preferred: reserved.enter_context(ReservedPort())


def start(processes: Processes, kind: StoreKind, folder: Path, ports: Callable[[int], ReservedPort]) -> Store:
    return start_store(processes, kind, data=folder / "data", logs=folder / "logs", ports=ports)


def facts(store: Store) -> list[tuple[object, ...]]:
    listed = store.client().list_objects(BUCKET, recursive=True)
    return [(entry.object_name, entry.etag, entry.size, entry.last_modified) for entry in listed]


def upload_then_remove(store: Store) -> None:
    client = store.client()
    assert client.list_buckets() == []
    client.make_bucket(BUCKET)
    for name in ("car/1/model.onnx", "car/model.yaml", "carriage/1/model.onnx"):
        client.put_object(BUCKET, name, io.BytesIO(b"weights"), 7)
    assert store.remove_model("car") == 2
    left = [entry.object_name for entry in client.list_objects(BUCKET, recursive=True)]
    assert left == ["carriage/1/model.onnx"]


def test_the_embedded_store_answers_s3_and_starts_empty(
    processes: Processes, tmp_path: Path, any_ports: Callable[[int], ReservedPort]
) -> None:
    store = start(processes, StoreKind.EMBEDDED, tmp_path, any_ports)
    assert not store.sends_events
    assert "moto" in store.description
    upload_then_remove(store)


def test_the_embedded_store_has_after_a_kill_what_it_had_before(
    processes: Processes, tmp_path: Path, any_ports: Callable[[int], ReservedPort]
) -> None:
    store = start(processes, StoreKind.EMBEDDED, tmp_path, any_ports)
    client = store.client()
    client.make_bucket(BUCKET)
    large = b"weights" * 1_500_000
    for name in ("car/1/model.onnx", "car/1/old", "car/1/a file/ü"):
        client.put_object(BUCKET, name, io.BytesIO(b"first"), 5, "text/plain")
    client.put_object(BUCKET, "car/1/model.onnx", io.BytesIO(large), len(large), part_size=5 * 1024**2)
    client.remove_object(BUCKET, "car/1/old")
    before = facts(store)
    assert {name for name, *_ in before} == {"car/1/model.onnx", "car/1/a file/ü"}
    store.process.kill()

    again = start(processes, StoreKind.EMBEDDED, tmp_path, any_ports)
    assert facts(again) == before
    with again.client().get_object(BUCKET, "car/1/model.onnx") as answer:
        assert answer.read() == large
    with again.client().get_object(BUCKET, "car/1/a file/ü") as answer:
        assert (answer.read(), answer.headers["content-type"]) == (b"first", "text/plain")


def test_a_damaged_file_of_objects_is_named_with_what_to_do(
    processes: Processes, tmp_path: Path, any_ports: Callable[[int], ReservedPort]
) -> None:
    objects = tmp_path / "data-embedded" / "objects.sqlite"
    objects.parent.mkdir()
    objects.write_bytes(b"no database" * 100)
    with pytest.raises(FatalError, match=r"objects\.sqlite.* cannot be used .*remove it, start again"):
        start(processes, StoreKind.EMBEDDED, tmp_path, any_ports)


def test_a_folder_is_in_the_bucket_when_each_of_its_files_is(
    processes: Processes, tmp_path: Path, any_ports: Callable[[int], ReservedPort]
) -> None:
    store = start(processes, StoreKind.EMBEDDED, tmp_path, any_ports)
    client = store.client()
    client.make_bucket(BUCKET)
    folder = tmp_path / "car"
    (folder / "sub").mkdir(parents=True)
    for name in ("model.onnx", "sub/labels.txt"):
        (folder / name).write_bytes(b"x")
        assert not store.has_all(folder, "car/1/")
        client.put_object(BUCKET, f"car/1/{name}", io.BytesIO(b"x"), 1)
    assert store.has_all(folder, "car/1/")
    store.process.kill()
    with pytest.raises(RetryableError, match="does not list"):
        store.has_all(folder, "car/1/")


@pytest.mark.minio
def test_minio_answers_s3_starts_empty_and_has_a_console(
    processes: Processes,
    tmp_path: Path,
    any_ports: Callable[[int], ReservedPort],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    binary = find_minio(checkout=CHECKOUT)
    assert binary is not None, "needs a real MinIO: run `make minio` or set MINIO_BIN"
    monkeypatch.setenv("MINIO_BIN", str(binary))
    store = start(processes, StoreKind.MINIO, tmp_path, any_ports)
    assert store.sends_events
    assert store.console is not None
    assert "MinIO" in store.description
    upload_then_remove(store)


@pytest.mark.minio
def test_minio_calls_the_webhook_at_every_change_until_told_otherwise(
    processes: Processes,
    tmp_path: Path,
    any_ports: Callable[[int], ReservedPort],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls.append(f"{body['EventName']} {body['Key']}")
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Tests print nothing."""

    binary = find_minio(checkout=CHECKOUT)
    assert binary is not None, "needs a real MinIO: run `make minio` or set MINIO_BIN"
    monkeypatch.setenv("MINIO_BIN", str(binary))
    with ThreadingHTTPServer((HOST, 0), Webhook) as http:
        serving = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        store = start_store(
            processes,
            StoreKind.MINIO,
            data=tmp_path / "data",
            logs=tmp_path / "logs",
            ports=any_ports,
            webhook=f"http://{HOST}:{http.server_port}/v1/sync",
        )
        client = store.client()
        client.make_bucket(BUCKET)
        call_on_changes(client, BUCKET)
        client.put_object(BUCKET, "car/1/model.onnx", io.BytesIO(b"weights"), 7)
        wait_until("the webhook called", lambda: None if calls else "no call", within=20)
        call_no_more(client, BUCKET)
        client.put_object(BUCKET, "car/2/model.onnx", io.BytesIO(b"weights"), 7)
        call_on_changes(client, BUCKET)
        client.remove_object(BUCKET, "car/1/model.onnx")
        wait_until("a second call", lambda: None if len(calls) > 1 else "one call", within=20)
        http.shutdown()
        serving.join()
    assert calls == [
        f"s3:ObjectCreated:Put {BUCKET}/car/1/model.onnx",
        f"s3:ObjectRemoved:Delete {BUCKET}/car/1/model.onnx",
    ]


def test_minio_bin_that_is_no_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"MINIO_BIN=.* is not a program"):
        find_minio({"MINIO_BIN": str(tmp_path / "absent")}, checkout=tmp_path)
    with pytest.raises(FatalError, match="is not a program"):
        find_minio({"MINIO_BIN": str(tmp_path)}, checkout=tmp_path)


def test_minio_is_looked_for_in_minio_bin_then_path_then_the_checkout(tmp_path: Path) -> None:
    def program(path: Path) -> Path:
        path.parent.mkdir(parents=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    named, in_path = program(tmp_path / "named" / "any"), program(tmp_path / "bin" / "minio")
    built = program(tmp_path / ".local" / "bin" / "minio")
    path = {"PATH": str(in_path.parent)}
    assert find_minio(path | {"MINIO_BIN": str(named)}, checkout=tmp_path) == named
    assert find_minio(path, checkout=tmp_path) == in_path
    assert find_minio({"PATH": ""}, checkout=tmp_path) == built
    assert find_minio({"PATH": ""}, checkout=tmp_path / "bin") is None


def test_asking_for_minio_without_one_says_how_to_get_it(
    processes: Processes,
    tmp_path: Path,
    any_ports: Callable[[int], ReservedPort],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MINIO_BIN", raising=False)
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FatalError, match="make minio"):
        start(processes, StoreKind.MINIO, tmp_path, any_ports)
    assert start(processes, StoreKind.AUTO, tmp_path, any_ports).kind is StoreKind.EMBEDDED
