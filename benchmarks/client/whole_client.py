"""The client against the server's own limit and other clients; memory and page.

    python benchmarks/client/whole_client.py models [--smoke] [--write docs/performance.md]

`models` holds what `car-models build` wrote. Starts the platform on this machine; needs chromium.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from car_client.pipeline.throughput import Rate, Throughput, measure_model, repeat
from car_client.session import Session
from car_client.settings import Transport, load_settings
from edge_stack.components import program
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from memory_growth import measure_growth
from other_clients import json_predict, triton_image_client
from page_times import measure_page

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
from document_section import write_section

TENSOR_MODEL = "effnet_lite0_car_onnx"
IMAGE_MODEL = "effnet_lite2_car_openvino"
MODELS = (TENSOR_MODEL, IMAGE_MODEL)
CASES = (
    (TENSOR_MODEL, Transport.TENSOR),
    (IMAGE_MODEL, Transport.TENSOR),
    (IMAGE_MODEL, Transport.JPEG),
)
WORKERS = 4


def main() -> None:
    """Measure, print, and write when asked to."""
    options = _arguments()
    seconds, pictures, uploads = (0.5, 100, 3) if options.smoke else (8.0, 10_000, 20)
    servers, ours = _halves(os.sched_getaffinity(0))
    os.sched_setaffinity(0, servers)  # inherited by what is started now
    with _platform(options.models) as (stack, files):
        os.sched_setaffinity(0, ours)
        today = datetime.now(UTC).date().isoformat()
        lines = [
            f"Measured on {today}. Cores: {len(servers)} for servers, {len(ours)} for clients and browser.",
            f"{WORKERS} requests at a time, {len(files)} JPEG files of 640x480.",
            "",
            *_rates(stack, files, seconds),
            "",
            *_waits(stack, files, pictures, uploads),
        ]
    print("\n".join(lines))
    if options.write:
        write_section(options.write, "client", "\n".join(lines))


def _halves(cores: set[int]) -> tuple[set[int], set[int]]:
    """Cores for the servers and for the clients, as if on two machines; the same when there is one only."""
    ordered = sorted(cores)
    middle = len(ordered) // 2
    return (set(ordered[:middle]), set(ordered[middle:])) if middle else (cores, cores)


def _rates(stack: Stack, files: Sequence[Path], seconds: float) -> Iterator[str]:
    url = stack.ports.server_url
    yield "| from JPEG files to answers | pictures/s | median ms | to the server alone |"
    yield "| --- | ---: | ---: | ---: |"
    measured: dict[tuple[str, Transport], Throughput] = {}
    for model, transport in CASES:
        settings = load_settings(server_url=url, sidecar_url=stack.ports.sidecar_url, transport=transport)
        session = Session(settings)
        served = session.discovery.describe(model)
        rates = measure_model(
            served, files, session.classifier, limits=session.limits, seconds=seconds, workers=WORKERS
        )
        measured[model, transport] = rates
        yield _row(f"{model}, car-client, transport {transport}", rates.pipeline, rates.server)
        yield _row(f"{model}, server alone (prepared tensors)", rates.server, rates.server)
    ours, alone = measured[CASES[0]].pipeline, measured[CASES[0]].server
    for name, peer in (
        ("requests and JSON `:predict`", json_predict),
        ("tritonclient's image client", triton_image_client),
    ):
        rate = _peer_rate(lambda peer=peer: peer(url, TENSOR_MODEL), files, seconds)  # type: ignore[misc]  # bound now
        faster = ours.per_second / rate.per_second
        yield _row(f"{TENSOR_MODEL}, {name} (car-client is {faster:.1f} times as fast)", rate, alone)


def _peer_rate(make: Callable[[], Callable[[Path], None]], files: Sequence[Path], seconds: float) -> Rate:
    """Each thread has a client of its own, since tritonclient's works in the thread that made it only."""
    own = threading.local()
    turns = cycle(files)

    def classify_one() -> None:
        if not hasattr(own, "classify"):
            own.classify = make()
        own.classify(next(turns))

    classify_one()
    return repeat(classify_one, seconds=seconds, workers=WORKERS)


def _waits(stack: Stack, files: Sequence[Path], pictures: int, uploads: int) -> Iterator[str]:
    page_url = stack.ports.page_url
    process_id = stack.component("client").pid
    times = measure_page(page_url, files[0], uploads=uploads)
    growth = measure_growth(process_id, page_url, TENSOR_MODEL, files, pictures=pictures)
    yield "| what | figure |"
    yield "| --- | ---: |"
    yield f"| page's first load until the models are shown, Chromium | {times.first_load:.0f} ms |"
    yield f"| upload to both answers shown, Chromium, median of {uploads} | {times.upload_to_answer:.0f} ms |"
    for path, load in times.pages.items():
        first = f"first paint {load.first_paint:.0f} ms, shown after {load.shown:.0f} ms"
        yield f"| page /{path} without a cache: {load.bytes / 1000:.0f} kB | {first} |"
    tenth = growth.pictures // 10
    yield f"| memory of `car-client serve` after {tenth:,} pictures | {growth.after_a_tenth:.0f} MiB |"
    yield f"| memory of `car-client serve` after {growth.pictures:,} pictures | {growth.at_the_end:.0f} MiB |"


def _row(name: str, rate: Rate, alone: Rate) -> str:
    ratio = rate.per_second / alone.per_second
    return f"| {name} | {rate.per_second:.1f} | {rate.median * 1000:.1f} | {ratio:.2f} |"


@contextmanager
def _platform(models: Path) -> Iterator[tuple[Stack, Sequence[Path]]]:
    """Everything running with both models served, and drawn pictures to classify."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with Stack(StackOptions(root=root / "stack", store=StoreKind.EMBEDDED)) as stack:
            drawing = [program("car-models"), "pictures", "--out", str(root / "pictures"), "--photos", "none"]
            stack.run_for_json("pictures", [*drawing, "--json"], {})
            stack.start_all()
            for model in MODELS:
                stack.push(models / model / "1", model=model, version=1)
            for model in MODELS:
                stack.wait_version(model, 1, "serving", within=60)
            yield stack, sorted((root / "pictures").glob("*.jpg"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path)
    parser.add_argument("--smoke", action="store_true", help="short, to see that it works")
    parser.add_argument("--write", type=Path, help="document whose section is replaced")
    if shutil.which("chromium") is None:
        parser.error("there is no chromium; install it: apt-get install chromium")
    return parser.parse_args()


if __name__ == "__main__":
    main()
