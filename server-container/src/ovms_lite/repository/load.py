"""From a version folder to a compiled model: read, rename, reshape, compile. Blocking; run it in a thread."""

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

from edge_common.logs import get_logger
from edge_common.openvino_runtime import ov, preprocessing
from pydantic import BaseModel, ConfigDict, ValidationError

from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import ConfigError, LoadError
from ovms_lite.repository.describe import likely_shapes, model_info, port_names, tensor_infos
from ovms_lite.repository.find import MAPPING_FILE, find_model_file
from ovms_lite.repository.settings import (
    DEFAULT_LAYOUT,
    RequestLimit,
    batch_position,
    parse_batch_size,
    parse_layout,
    parse_shape,
    per_input,
)
from ovms_lite.wire.tensors import Dimension, TensorInfo

DEFAULT_CACHE = Path("/opt/cache")
"""OVMS keeps compiled models in this folder when it exists and no other is named."""
_DEFAULT_DEVICE = "CPU"
_DEFAULT_HINT = "LATENCY"
"""What OVMS compiles for when a model asks for neither hint nor streams: its log says so."""
_OPENVINO_ERRORS = (RuntimeError, ValueError, TypeError)
"""The last two come from its Python binding, for instance for a property of a type it does not take."""
_GIVE_BACK: Callable[[int], object] = getattr(ctypes.CDLL(None), "malloc_trim", int)
"""Returns to the system what compiling needed for a moment, megabytes of each model; glibc alone has it."""

_log = get_logger()


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A compiled model and how its tensors are called; both in the model's own order."""

    compiled: ov.CompiledModel
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    model_info: Mapping[str, object]
    request_count: int
    likely_shapes: tuple[tuple[int, ...], ...]
    """For each input a shape that it can most likely run."""
    shown: tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]] | None
    """Inputs and outputs as the model has them, where `auto` lets requests choose; None elsewhere."""
    load_again: "Callable[[], LoadedModel]"
    """The same from the same files; blocking, raises LoadError."""


def usable_cache(wanted: Path | None, default: Path = DEFAULT_CACHE) -> Path | None:
    """The folder to use, made when it is not there; None, with a warning, when it cannot be written."""
    folder = wanted or (default if default.is_dir() else None)
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        _log.warning("cache_refused", folder=str(folder), reason=f"it cannot be written: {error.strerror}")
        return None


class _Mapping(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}


class ModelLoader:
    """Loads versions with one OpenVINO core; `cache_dir` None compiles every time.

    `ignore_bad_shapes`: a `shape` that is no shape is left out with a warning, as OVMS does with config.json,
    and not with its flag.
    """

    def __init__(
        self,
        cache_dir: Path | None = None,
        cpu_extension: Path | None = None,
        *,
        ignore_bad_shapes: bool = False,
        limit: RequestLimit | None = None,
    ) -> None:
        self._limit = limit or RequestLimit()
        self._ignore_bad_shapes = ignore_bad_shapes
        self._core = ov.Core()
        if cpu_extension is not None:
            self._core.add_extension(str(cpu_extension))
        if cache_dir is not None:
            self._core.set_property({"CACHE_DIR": str(cache_dir)})

    def load(self, config: ModelConfig, version: int) -> LoadedModel:
        """Compile `<base_path>/<version>` as `config` asks; raises LoadError saying what is wrong."""
        if config.unsupported:
            raise LoadError(f"{config.name} asks for {config.unsupported}, which ovms-lite does not have")
        self._limit.check(config.nireq, config.name)
        folder = config.base_path / str(version)
        file = find_model_file(folder)
        mapping = _read_mapping(folder)
        plugin = dict(config.plugin_config)
        try:
            # Without a memory map a file that is truncated later cannot kill the process with SIGBUS.
            mapped = bool(plugin.pop("ENABLE_MMAP", False))
            model = self._core.read_model(str(file), config={"ENABLE_MMAP": mapped})
        except _OPENVINO_ERRORS as error:
            raise LoadError(f"{file} cannot be read: {reason_of(error)}; replace the file") from error
        try:
            model, layouts = _apply_layouts(model, config)
            shown = None
            if _is_auto(config):
                shown = (
                    tensor_infos(model.inputs, mapping.inputs, layouts),
                    tensor_infos(model.outputs, mapping.outputs, {}),
                )
            own_shapes = [port.partial_shape for port in model.inputs]
            if not self._has_bad_shape(config):
                _reshape(model, config, layouts)
            if not {"PERFORMANCE_HINT", "NUM_STREAMS"} & plugin.keys():
                plugin["PERFORMANCE_HINT"] = _DEFAULT_HINT
            compiled = self._core.compile_model(model, config.target_device or _DEFAULT_DEVICE, plugin)
            _GIVE_BACK(0)
        except (*_OPENVINO_ERRORS, ConfigError) as error:
            raise LoadError(
                f"{config.name} version {version} cannot be compiled: {reason_of(error)}; "
                "check its shape, layout, plugin_config and target_device",
                reload_status=getattr(error, "reload_status", 412),
            ) from error
        inputs = tensor_infos(compiled.inputs, mapping.inputs, layouts)
        outputs = tensor_infos(compiled.outputs, mapping.outputs, {})
        self._limit.check(config.nireq, config.name, inputs + outputs)
        return LoadedModel(
            compiled,
            inputs,
            outputs,
            model_info(model),
            config.nireq or int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")),
            likely_shapes(compiled.inputs, own_shapes),
            shown,
            partial(self.load, config, version),
        )

    def _has_bad_shape(self, config: ModelConfig) -> bool:
        if not self._ignore_bad_shapes or config.shape is None:
            return False
        try:
            for text in _texts(config.shape):
                parse_shape(text)
        except ConfigError as error:
            _log.warning("shape_ignored", model=config.name, reason=str(error))
            return True
        return False


def _is_auto(config: ModelConfig) -> bool:
    """Whether every input takes the shape that a request has."""
    if config.shape is None:
        return config.batch_size == "auto"
    return all(text.strip() == "auto" for text in _texts(config.shape))


def _texts(setting: str | tuple[tuple[str, str], ...]) -> list[str]:
    return [setting] if isinstance(setting, str) else [text for _, text in setting]


def reason_of(error: BaseException) -> str:
    """What OpenVINO says in one line of 300 characters at most, without the places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("Exception from")]
    return " ".join(telling or lines or ["no reason given"])[:300].rstrip(".;")


def _read_mapping(folder: Path) -> _Mapping:
    path = folder / MAPPING_FILE
    try:
        return _Mapping.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return _Mapping()
    except (OSError, ValidationError) as error:
        raise LoadError(
            f'{path} is not {{"inputs": {{name: alias}}, "outputs": {{name: alias}}}}: correct or remove it'
        ) from error


def _apply_layouts(model: ov.Model, config: ModelConfig) -> tuple[ov.Model, dict[str, str]]:
    """The model, transposed where config asks for it, and the layout that clients send for each input."""
    names = port_names(model.inputs)
    layouts = {
        name: str(port.node.layout).strip("[]").replace(",", "")
        for name, port in zip(names, model.inputs, strict=True)
        if not port.node.layout.empty
    }
    if config.layout is None:
        return model, layouts
    tensors = names if isinstance(config.layout, str) else names + port_names(model.outputs)
    setting = config.layout if isinstance(config.layout, str) else dict(config.layout)
    processor = preprocessing.PrePostProcessor(model)
    for name, text in per_input(setting, tensors, "layout").items():
        change = parse_layout(text)
        port = processor.input(name) if name in names else processor.output(name)
        port.tensor().set_layout(ov.Layout(change.tensor))
        port.model().set_layout(ov.Layout(change.model))
        if name in names:
            layouts[name] = change.tensor
    return processor.build(), layouts


def _reshape(model: ov.Model, config: ModelConfig, layouts: Mapping[str, str]) -> None:
    names = port_names(model.inputs)
    shapes: dict[str, list[ov.Dimension]] = {
        name: list(port.partial_shape) for name, port in zip(names, model.inputs, strict=True)
    }
    if config.shape is not None:
        setting = config.shape if isinstance(config.shape, str) else dict(config.shape)
        for name, text in per_input(setting, names, "shape").items():
            wanted = parse_shape(text)
            shapes[name] = (
                [ov.Dimension(-1)] * len(shapes[name])
                if wanted is None
                else [_as_openvino(d) for d in wanted]
            )
    elif config.batch_size is not None:
        batch = parse_batch_size(config.batch_size)
        if batch is None:
            return
        for name, shape in shapes.items():
            position = batch_position(layouts.get(name, DEFAULT_LAYOUT))
            if position is not None and shape:
                shape[position] = _as_openvino(batch)
    else:
        return
    model.reshape(dict(zip(model.inputs, (ov.PartialShape(shapes[name]) for name in names), strict=True)))


def _as_openvino(dimension: Dimension) -> ov.Dimension:
    return ov.Dimension(dimension.low, -1 if dimension.high is None else dimension.high)
