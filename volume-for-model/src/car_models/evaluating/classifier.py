"""Running one version of a model folder on this machine, without a server: what it says, and how fast."""

import statistics
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from edge_common.card_file import FILE_NAME as CARD_FILE
from edge_common.classifiers import activation_rejection, score_output
from edge_common.errors import RejectedError
from edge_common.model_card import Layout, ModelCard, Resize
from edge_common.openvino_runtime import ov
from edge_common.pictures.preprocess import preprocess
from edge_common.pictures.steps import Preprocessing
from edge_common.probabilities import class_probabilities, score_rows
from model_sync.upload import (
    ACCEPTANCE_FOLDER,
    CHECKSUMS_NAME,
    EffectiveCard,
    label_rejection,
    model_file,
    read_card,
)
from numpy.typing import NDArray

from car_models.packaging.openvino_ir import openvino_errors, ports_of

_NOT_NETWORK = frozenset({".txt", ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".sig"})
"""Labels and sample pictures beside a network."""
_EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
_WARM_UP = 3
_LEAST_RUNS = 5


@dataclass(frozen=True)
class Prediction:
    """One class and its probability."""

    label: str
    probability: float


def _load_errors(what: Path) -> AbstractContextManager[None]:
    return openvino_errors(f"{what} cannot be loaded", "build it again")


class Classifier:
    """A model version, loaded with the facts of its card.

    Inference runs in FP32, also on processors where OpenVINO would choose bf16: a reference has to be exact.
    With `as_served` OpenVINO chooses, as it does in a server.
    """

    def __init__(self, version_folder: Path, *, as_served: bool = False) -> None:
        """Load `<model>/<version>`; raises RejectedError when card, labels or model are unusable."""
        folder = version_folder.resolve()
        self.model, self.version = folder.parent.name, folder.name
        effective = card_of_version(version_folder)
        if effective.labels is None:
            raise RejectedError(f"the card of {version_folder} names no labels; add output.labels")
        self.card, self.labels = effective.card, effective.labels
        self.network, self.bytes = _read_network(version_folder)
        self._size = _fixed_size(self.network, self.card, version_folder)
        with _load_errors(version_folder):
            self._compiled = ov.Core().compile_model(self.network, "CPU", {} if as_served else _EXACT)
        self._scores = self._compiled.output(self.card.output.name or 0)
        try:
            scores = score_output(ports_of([self._scores]))
        except RejectedError as error:
            raise RejectedError(f"{version_folder}: {error}") from error
        rejection = label_rejection(effective, scores.classes) or activation_rejection(
            self.card.output.activation, scores
        )
        if rejection is not None:
            raise RejectedError(f"{version_folder}: {rejection}")
        self._dtype = self._compiled.input(0).element_type.to_dtype()

    def classify(self, picture: NDArray[np.uint8], resize: Resize | None = None) -> list[Prediction]:
        """All classes, most likely first; `picture` is RGB [height,width,3], `resize` replaces the card's."""
        image = self.card.input.model_copy(update={"resize": resize}) if resize else self.card.input
        steps = Preprocessing.of_card(image, self._size, self._dtype)
        rows = score_rows(self._compiled(preprocess(picture, steps)[None])[self._scores])
        (chances,) = class_probabilities(rows, self.card.output.activation, len(self.labels))
        order = np.argsort(chances, kind="stable")[::-1]
        return [Prediction(self.labels[index], float(chances[index])) for index in order]


def card_of_version(folder: Path) -> EffectiveCard:
    """The card of a version folder: its own or the one beside the versions, as the sidecar reads them.

    Raises RejectedError when there is none, or it is wrong.
    """

    def read_beside(name: str) -> bytes | None:
        paths = (folder / name, folder.parent / name)
        return next((path.read_bytes() for path in paths if path.is_file()), None)

    content = read_beside(CARD_FILE)
    if content is None:
        raise RejectedError(
            f"{folder} has no {CARD_FILE}, nor has the folder above; write one that says what it takes"
        )
    return read_card(content, f"{folder / CARD_FILE}", read_beside)


def _read_network(folder: Path) -> tuple[ov.Model, int]:
    """The network as its file has it, and the bytes of its files."""
    name = model_file(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    if name is None:
        raise RejectedError(f"{folder} holds no model; give a folder <model>/<version>")
    beside = {CARD_FILE, CHECKSUMS_NAME}
    size = sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
        and path.name not in beside
        and path.suffix not in _NOT_NETWORK
        and path.relative_to(folder).parts[0] != ACCEPTANCE_FOLDER
    )
    with _load_errors(folder / name):
        return ov.Core().read_model(folder / name), size


def _fixed_size(network: ov.Model, card: ModelCard, folder: Path) -> tuple[int, int]:
    """Height and width of the input; a network that leaves them or the batch open is fixed."""
    last = card.input.layout is Layout.NHWC
    shape = network.input(0).partial_shape
    sides = (shape[1], shape[2]) if last else (shape[2], shape[3])
    fixed = [0 if side.is_dynamic else side.get_length() for side in sides]
    height, width = fixed if all(fixed) else card.input.size or (0, 0)
    if not (height and width):
        raise RejectedError(f"{folder} takes pictures of any size; say for which with input.size in its card")
    if shape.is_dynamic:
        with _load_errors(folder):
            network.reshape([1, height, width, 3] if last else [1, 3, height, width])
    return height, width


@dataclass(frozen=True)
class Speed:
    """One picture at a time, and as many as the processor can do at once."""

    latency_ms: float
    """Median over single runs, one after the other, with all cores."""
    images_per_second: float
    """With several requests at a time, as OpenVINO's throughput hint sets them up."""
    processor_ms: float
    """Processor time for one picture at that; hardly differs when the machine is busy with other work."""


def measure_speed(network: ov.Model, seconds: float) -> Speed:
    """Run `network`, of fixed shape, for `seconds` each way, with the precision that a server would use."""
    core = ov.Core()
    return Speed(
        _latency(core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY"}), seconds),
        *_throughput(core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"}), seconds),
    )


def _noise(compiled: ov.CompiledModel) -> NDArray[Any]:
    port = compiled.input(0)
    values = np.random.default_rng(7).integers(0, 256, list(port.shape))
    return values.astype(port.element_type.to_dtype())


def _latency(compiled: ov.CompiledModel, seconds: float) -> float:
    request, tensor = compiled.create_infer_request(), _noise(compiled)
    for _ in range(_WARM_UP):
        request.infer([tensor])
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < _LEAST_RUNS:
        begin = time.perf_counter()
        request.infer([tensor])
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def _throughput(compiled: ov.CompiledModel, seconds: float) -> tuple[float, float]:
    requests, tensor = ov.AsyncInferQueue(compiled), _noise(compiled)
    for _ in range(len(requests)):
        requests.start_async([tensor])
    requests.wait_all()
    done, begin, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds or done < _LEAST_RUNS:
        requests.start_async([tensor])  # waits until one is free
        done += 1
    requests.wait_all()
    return done / (time.perf_counter() - begin), 1000 * (time.process_time() - used) / done
