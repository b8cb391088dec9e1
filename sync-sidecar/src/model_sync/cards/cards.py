"""One card with the labels it names: how it is read, what it may ask of the server, whether it fits.

A property such as ENABLE_CPU_RESERVATION acts on the whole server: one card would keep every other model from
being loaded (seen with OVMS 2026.2.1). So only properties of a list are let through, each with its values.
"""

import json
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from edge_common.card_file import FILE_NAME, card_as_mapping, card_from_mapping, parse_card, read_labels
from edge_common.classifiers import TensorSpec, activation_rejection, labels_rejection, score_output
from edge_common.errors import RejectedError
from edge_common.model_card import Activation, Layout, ModelCard, Sample, Serving

from model_sync.bucket.file_kinds import text_problem
from model_sync.bucket.keys import path_problem, quoted
from model_sync.bucket.recognise import similar_name

_RANK = 4
MAX_LABELS_BYTES = 1024 * 1024


@dataclass(frozen=True)
class EffectiveCard:
    """A card and its labels, wherever they were written; `labels` is None when the card names none."""

    card: ModelCard
    labels: tuple[str, ...] | None

    def to_json(self) -> bytes:
        """What `GET /v1/models/<model>/card` answers: the card with the labels inline."""
        mapping = card_as_mapping(self.card)
        if self.labels is not None:
            mapping["output"] = {**mapping.get("output", {}), "labels": list(self.labels)}
        return json.dumps(mapping, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """What `to_json` wrote; raises ValueError or RejectedError for anything else."""
        card = card_from_mapping(json.loads(content), FILE_NAME)
        return cls(card, card.output.labels if isinstance(card.output.labels, tuple) else None)


def read_card(
    content: bytes,
    where: str,
    read_beside: Callable[[str], bytes | None],
    properties: Collection[str] = (),
    beside: Collection[str] = (),
) -> EffectiveCard:
    """The card in `content`; `read_beside` gives the file of a name beside it, None when there is none.

    `properties` are those that the operator allows beside the usual ones, each as `DEVICE:NAME`; `beside` are
    the paths of files there and near, to find one that was probably meant. Raises RejectedError that names
    the card, and the key or the labels file at fault.
    """
    problem = text_problem(where, content)
    if problem is not None:
        raise RejectedError(problem)
    card = parse_card(content, where)
    rejection = serving_rejection(card.serving, cores=os.cpu_count() or 1, further=properties)
    if rejection is not None:
        raise RejectedError(f"{where}: {rejection}")
    labels = _labels(card, where, read_beside, beside)
    if card.sample is not None:
        _check_sample(card.sample, labels, where)
    return EffectiveCard(card, labels)


def _labels(
    card: ModelCard, where: str, read_beside: Callable[[str], bytes | None], beside: Collection[str]
) -> tuple[str, ...] | None:
    named = card.output.labels
    if not isinstance(named, str):
        return named
    problem = path_problem(named)
    if problem is not None:
        raise RejectedError(f"{where}: output.labels {quoted(named)} cannot be read: {problem}")
    text = read_beside(named)
    if text is None:
        found = similar_name(named, beside)
        hint = f"; if {quoted(found)} is meant, upload it there under that name" if found is not None else ""
        raise RejectedError(
            f"{where} names the labels file {quoted(named)}, which is not there; upload it beside it{hint}"
        )
    problem = text_problem(named, text)
    if problem is not None:
        raise RejectedError(problem)
    labels = tuple(read_labels(text))
    if not labels:
        raise RejectedError(f"the labels file {quoted(named)} is empty; write one label a line")
    return labels


def _check_sample(sample: Sample, labels: tuple[str, ...] | None, where: str) -> None:
    problem = path_problem(sample.picture)
    if problem is not None:
        raise RejectedError(f"{where}: sample.picture {quoted(sample.picture)} cannot be read: {problem}")
    label = sample.label
    if label is not None and label not in (labels or ()):
        raise RejectedError(
            f"{where}: sample.label {quoted(label)} is not among the labels; correct it, or output.labels"
        )


def raise_for_misfit(
    card: EffectiveCard, inputs: Mapping[str, tuple[int, ...]], outputs: Sequence[TensorSpec]
) -> None:
    """Raise RejectedError where the card does not fit a model with these inputs and outputs.

    A card that names labels or scores promises a classifier, as `edge_common.classifiers` has it for all.
    """
    wanted = card.card.input
    named = (shape for name, shape in inputs.items() if wanted.name in (None, name))
    pictures = [shape for shape in named if len(shape) == _RANK]
    if wanted.size is not None and len(pictures) == 1:
        (shape,) = pictures
        sides = shape[2:] if wanted.layout is Layout.NCHW else shape[1:3]
        if any(side not in (-1, size) for side, size in zip(sides, wanted.size, strict=True)):
            raise RejectedError(
                f"the card's input.size {list(wanted.size)} and input.layout {wanted.layout} do not fit the "
                f"model's input {list(shape)}; correct them"
            )
    said, labels = card.card.output, card.labels
    if labels is None and said.name is None and said.activation is Activation.NONE:
        return
    scores = score_output(outputs, name=said.name, labels=len(labels) if labels is not None else None)
    rejection = label_rejection(card, scores.classes) or activation_rejection(said.activation, scores)
    if rejection is not None:
        raise RejectedError(rejection)


def label_rejection(card: EffectiveCard, classes: int) -> str | None:
    """The sentence when the card's labels do not fit so many classes; -1 stands for any number."""
    if card.labels is None or labels_rejection(len(card.labels), classes) is None:
        return None
    return (
        f"the card has {len(card.labels)} labels, but the model gives {classes} values; "
        "correct the labels, one for each class in the model's order"
    )


_REQUESTS_PER_CORE, _STREAMS_PER_CORE = 32, 4
MAX_BATCH = 1024
_MAX_TEXT = 200
_DEVICE = re.compile(r"(CPU|GPU|NPU)(\.\d{1,2})*|(AUTO|MULTI|HETERO|BATCH)(:[A-Z0-9.,()\-]{1,100})?")

Value = str | bool | int | float
Check = Callable[[Value, int], str | None]
"""Of a value and the machine's cores: what the value has to be; None when it is that."""


def _one_of(*words: str) -> Check:
    def check(value: Value, _cores: int) -> str | None:
        return None if str(value).upper() in words else f"one of {', '.join(words)}"

    return check


def _whole(lowest: int, highest: int, *, per_core: bool = False, words: Collection[str] = ()) -> Check:
    def check(value: Value, cores: int) -> str | None:
        most = highest * cores if per_core else highest
        text = str(value)
        if text.upper() in words or (re.fullmatch(r"-?\d{1,9}", text) and lowest <= int(text) <= most):
            return None
        return " or ".join([f"a whole number from {lowest} to {most}", *words])

    return check


_SWITCH = _one_of("TRUE", "FALSE", "YES", "NO")
_PRIORITY = _one_of("LOW", "MEDIUM", "HIGH", "DEFAULT")
_ANY_DEVICE: Mapping[str, Check] = {
    "PERFORMANCE_HINT": _one_of("LATENCY", "THROUGHPUT", "CUMULATIVE_THROUGHPUT"),
    "PERFORMANCE_HINT_NUM_REQUESTS": _whole(0, _REQUESTS_PER_CORE, per_core=True),
    "EXECUTION_MODE_HINT": _one_of("PERFORMANCE", "ACCURACY"),
    "INFERENCE_PRECISION_HINT": _one_of("F32", "F16", "BF16", "I8", "DYNAMIC"),
    "ENABLE_MMAP": _SWITCH,
    "PERF_COUNT": _SWITCH,
}
_PROPERTIES: Mapping[str, Mapping[str, Check]] = {
    "CPU": {
        "NUM_STREAMS": _whole(-2, _STREAMS_PER_CORE, per_core=True, words=("AUTO", "NUMA")),
        "INFERENCE_NUM_THREADS": _whole(0, _STREAMS_PER_CORE, per_core=True),
        "ENABLE_CPU_PINNING": _SWITCH,
        "ENABLE_HYPER_THREADING": _SWITCH,
        "SCHEDULING_CORE_TYPE": _one_of("ANY_CORE", "PCORE_ONLY", "ECORE_ONLY"),
        "CPU_DENORMALS_OPTIMIZATION": _SWITCH,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": _whole(0, 1_000_000),
    },
    "GPU": {
        "NUM_STREAMS": _whole(-1, 16, words=("AUTO",)),
        "MODEL_PRIORITY": _PRIORITY,
        "GPU_QUEUE_PRIORITY": _PRIORITY,
        "GPU_QUEUE_THROTTLE": _PRIORITY,
        "GPU_ENABLE_LOOP_UNROLLING": _SWITCH,
        "GPU_DISABLE_WINOGRAD_CONVOLUTION": _SWITCH,
    },
    "NPU": {"MODEL_PRIORITY": _PRIORITY, "NPU_TURBO": _SWITCH, "NPU_TILES": _whole(1, 16)},
    "AUTO": {
        "MODEL_PRIORITY": _PRIORITY,
        "ENABLE_STARTUP_FALLBACK": _SWITCH,
        "ENABLE_RUNTIME_FALLBACK": _SWITCH,
    },
}


def serving_rejection(serving: Serving, *, cores: int, further: Collection[str] = ()) -> str | None:
    """Why a card may not ask for `serving`, naming the key and what is allowed; None when it may.

    `cores` are those of the machine, by which counts are bounded. `further` are properties that the operator
    allows beside the listed ones, each as `DEVICE:NAME`, with any value of at most 200 characters.
    """
    device = serving.target_device or "CPU"
    if not _DEVICE.fullmatch(device):
        return f"serving.target_device {quoted(device)} is no device; write CPU, GPU, GPU.1, NPU or AUTO"
    most = _REQUESTS_PER_CORE * cores
    if serving.nireq is not None and serving.nireq > most:
        return f"serving.nireq {serving.nireq} is more than {most} ({_REQUESTS_PER_CORE} a core); lower it"
    if isinstance(serving.batch_size, int) and serving.batch_size > MAX_BATCH:
        return f"serving.batch_size {serving.batch_size} is more than {MAX_BATCH}; lower it"
    kind = re.split(r"[.:]", device)[0]
    for name, value in (serving.plugin_config or {}).items():
        rejection = _property_rejection(kind, name, value, cores, further)
        if rejection is not None:
            return f"serving.plugin_config: {rejection}"
    return None


def _property_rejection(kind: str, name: str, value: Any, cores: int, further: Collection[str]) -> str | None:
    if f"{kind}:{name}" in further:
        return None if len(str(value)) <= _MAX_TEXT else f"the value of {name} is too long; shorten it"
    known = {**_ANY_DEVICE, **_PROPERTIES.get(kind, {})}
    if name not in known:
        return (
            f"{quoted(name)} is not allowed for {kind}; remove it, or have the operator add {kind}:{name} to "
            "MODEL_SYNC_PLUGIN_PROPERTIES"
        )
    wanted = known[name](value, cores)
    return None if wanted is None else f"{name} must be {wanted}, not {quoted(str(value))}"
