"""What is measured. Every case gives rows of one table: what, who, seconds, memory."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from statistics import median

import numpy as np
from measured import Figures, PeakMemory, run_measured
from onnx import TensorProto, helper, numpy_helper
from peers import Peer
from sidecar import mirror_once, running_server, running_sidecar, sidecar_environment
from store import Store, free_port

_MODEL = "model.onnx"
_FILES_PER_MODEL = 100
_CALM_SECONDS = 10
"""After a start, until what follows it has settled."""


@dataclass(frozen=True)
class Row:
    """One line of the report; `ratio` is to the fastest peer of the same run, None without peers."""

    case: str
    who: str
    seconds: float
    memory: PeakMemory
    cpu_seconds: float | None = None
    ratio: float | None = None


@dataclass(frozen=True)
class Bench:
    """Where a run takes place."""

    store: Store
    peers: Sequence[Peer]
    peer_environment: Mapping[str, str]
    folder: Path
    rounds: int

    def mirror(self, case: str, bucket: str, keys: Sequence[str], size: int) -> Iterator[Row]:
        """First mirror of an empty folder: each peer, then model-sync with and without fsync, in turn."""
        self.store.fill(bucket, keys, size)
        target = self.folder / "mirror"
        environment = sidecar_environment(self.store.authority, bucket, target)

        def by(peer: Peer) -> Callable[[], Figures]:
            return lambda: run_measured(peer.mirror(bucket, target), self.peer_environment)

        runs = {peer.name: by(peer) for peer in self.peers}
        runs["model-sync"] = lambda: mirror_once(environment, fsync=True)
        runs["model-sync without fsync"] = lambda: mirror_once(environment, fsync=False)
        yield from self._compared(case, runs, clean=target)

    def poll(self, objects: int) -> Iterator[Row]:
        """Nothing changed; then, among the same objects, one new file for the peers to find and fetch."""
        bucket, mirror = f"poll-{objects}", self.folder / "polled"
        # without a model file the versions wait: the listing is judged in full and nothing is fetched
        keys = [
            f"model-{n // _FILES_PER_MODEL:04d}/1/part-{n % _FILES_PER_MODEL:03d}.data"
            for n in range(objects)
        ]
        self.store.fill(bucket, keys, 512)
        for key in keys:
            path = mirror / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(512))
        empty = self.folder / "polling"
        empty.mkdir()

        def by(peer: Peer) -> Callable[[], Figures]:
            return lambda: run_measured(peer.mirror(bucket, mirror), self.peer_environment)

        runs = {peer.name: by(peer) for peer in self.peers}
        environment = sidecar_environment(
            self.store.authority, bucket, empty, POLL_INTERVAL="1h", EVENTS="off", CREATE_BUCKET="true"
        )
        for run in runs.values():  # so that every peer has seen the mirror, with the times it would set
            run()
        with running_sidecar(environment) as sidecar:
            runs["model-sync"] = lambda: Figures(sidecar.poll(), sidecar.memory.peak)
            yield from self._compared(f"no-change poll, {objects:,} objects", runs)

            def changed() -> Figures:
                for old in empty.glob("new/*"):
                    shutil.rmtree(old)
                started = time.monotonic()
                sidecar.poll()
                while not (empty / "new" / "1" / _MODEL).exists():
                    time.sleep(0.01)
                return Figures(time.monotonic() - started, sidecar.memory.peak)

            self.store.fill(bucket, [f"new/1/{_MODEL}"], 512)
            changes: dict[str, Callable[[], Figures]] = {peer.name: by(peer) for peer in self.peers}
            changes["model-sync"] = changed
            case = f"one new file among {objects:,}"
            yield from self._compared(case, changes, clean=mirror / "new", rounds=1)
        shutil.rmtree(mirror)
        shutil.rmtree(empty)

    def latency(self, *, events: bool, poll_seconds: int) -> Iterator[Row]:
        """From the end of an upload until ovms-lite has it AVAILABLE, preflight on."""
        volume, upload = self.folder / "served", self.folder / "upload"
        volume.mkdir()
        bucket = f"latency-{'events' if events else 'poll'}"
        if events:
            self.store.tell_changes(bucket)
        port = free_port()
        environment = sidecar_environment(
            self.store.authority,
            bucket,
            volume,
            HTTP_PORT=str(self.store.sidecar_port),
            OVMS_URL=f"http://127.0.0.1:{port}",
            POLL_INTERVAL=str(poll_seconds),
            EVENTS="off",  # the store calls the webhook, or nothing does
            PREFLIGHT="on",
            CREATE_BUCKET="true",
        )
        tools = Path(sys.executable).parent
        taken: list[float] = []
        with running_sidecar(environment) as sidecar:
            with running_server(volume, port):
                for version in range(1, self.rounds + 2):
                    _write_model(upload, version)
                    push = [str(tools / "model-sync"), "push", str(upload), "--model", "tiny", "--json"]
                    push += ["--version", str(version), "--wait", "--status-url", sidecar.address]
                    answer = subprocess.run(push, env=environment, stdout=subprocess.PIPE, check=True)
                    taken.append(float(json.loads(answer.stdout)["served_after_s"]))
            how = "with the store's webhook" if events else f"polling every {poll_seconds} s"
            # the first one also waits for the server to start
            yield Row(f"upload end to AVAILABLE, {how}", "model-sync", median(taken[1:]), sidecar.memory.peak)
        shutil.rmtree(volume)
        shutil.rmtree(upload)

    def idle(self, models: int, seconds: float, *, server: bool) -> Iterator[Row]:
        """Share of one core while nothing happens, at the default poll interval."""
        volume, port = self.folder / "idle", free_port()
        bucket = f"idle-{models}"
        content = _model_bytes(1)
        self.store.put_all(bucket, [f"model-{n:04d}/1/{_MODEL}" for n in range(models)], content)
        others = {"OVMS_URL": f"http://127.0.0.1:{port}"} if server else {}
        environment = sidecar_environment(self.store.authority, bucket, volume, **others)
        volume.mkdir()
        mirror_once(environment, fsync=False)
        with ExitStack() as running:
            if server:
                running.enter_context(running_server(volume, port))
            sidecar = running.enter_context(running_sidecar(environment))
            if server:
                sidecar.wait_until_serving(models)
            time.sleep(min(_CALM_SECONDS, seconds))
            before = sidecar.cpu_seconds()
            time.sleep(seconds)
            used = (sidecar.cpu_seconds() - before) / seconds
            beside = "beside its server" if server else "its server away"
            case = f"idle, {models} models, {beside}, share of a core over {seconds:g} s"
            yield Row(case, "model-sync", used, sidecar.memory.peak)
        shutil.rmtree(volume)

    def _compared(
        self,
        case: str,
        runs: Mapping[str, Callable[[], Figures]],
        *,
        clean: Path | None = None,
        rounds: int | None = None,
    ) -> Iterator[Row]:
        figures: dict[str, list[Figures]] = {name: [] for name in runs}
        for _ in range(rounds or self.rounds):
            for name, run in runs.items():  # in turn, so that a busy machine hits all of them
                if clean is not None:
                    shutil.rmtree(clean, ignore_errors=True)
                    if name.startswith("model-sync") and clean.parent == self.folder:
                        clean.mkdir()
                figures[name].append(run())
        seconds = {name: median(one.seconds for one in all_of) for name, all_of in figures.items()}
        peers = [seconds[peer.name] for peer in self.peers]
        for name, all_of in figures.items():
            ratio = seconds[name] / min(peers) if peers else None
            memory = max((one.memory for one in all_of), key=attrgetter("resident"))
            cpu = [one.cpu_seconds for one in all_of if one.cpu_seconds is not None]
            yield Row(case, name, seconds[name], memory, median(cpu) if cpu else None, ratio)
        if clean is not None:
            shutil.rmtree(clean, ignore_errors=True)


def _write_model(folder: Path, answer: int) -> None:
    folder.mkdir(exist_ok=True)
    (folder / _MODEL).write_bytes(_model_bytes(answer))


def _model_bytes(answer: int) -> bytes:
    bias = numpy_helper.from_array(np.full((1, 4), answer, np.float32), "bias")
    shape = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"}
    add = helper.make_node("Add", ["x", "bias"], ["y"])
    graph = helper.make_graph([add], "tiny", [shape["x"]], [shape["y"]], [bias])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())
