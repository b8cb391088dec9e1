"""What a card may ask of the model server: settings that concern its own model, within bounds. Pure.

A property such as ENABLE_CPU_RESERVATION acts on the whole server: one card would keep every other model from
being loaded (seen with OVMS 2026.2.1). So only properties of a list are let through, each with its values.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from edge_common.model_card import Serving

from model_sync.bucket.keys import quoted

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
