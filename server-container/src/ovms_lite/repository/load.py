"""From a version folder to a compiled model: read, rename, reshape, compile. Blocking; run it in a thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from edge_common.logs import get_logger
from edge_common.openvino_runtime import ov, preprocessing
from pydantic import BaseModel, ConfigDict, ValidationError

from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import ConfigError, LoadError
from ovms_lite.repository.find import MAPPING_FILE, find_model_file
from ovms_lite.repository.layouts import (
    DEFAULT_LAYOUT,
    batch_position,
    parse_batch_size,
    parse_layout,
    parse_shape,
    per_input,
)
from ovms_lite.wire.tensors import BY_OPENVINO_NAME, Dimension, TensorInfo

MAX_NIREQ = 100_000
DEFAULT_CACHE = Path("/opt/cache")
"""OVMS keeps compiled models in this folder when it exists and no other is named."""
_DEFAULT_DEVICE = "CPU"
_DEFAULT_HINT = "THROUGHPUT"
_OPENVINO_ERRORS = (RuntimeError, ValueError, TypeError)
"""The last two come from its Python binding, for instance for a property of a type it does not take."""


_log = get_logger()


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A compiled model and how its tensors are called; both in the model's own order."""

    compiled: ov.CompiledModel
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    model_info: Mapping[str, object]
    request_count: int


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
    """Loads versions with one OpenVINO core; `cache_dir` None compiles every time."""

    def __init__(self, cache_dir: Path | None = None, cpu_extension: Path | None = None) -> None:
        self._core = ov.Core()
        if cpu_extension is not None:
            self._core.add_extension(str(cpu_extension))
        if cache_dir is not None:
            self._core.set_property({"CACHE_DIR": str(cache_dir)})

    def load(self, config: ModelConfig, version: int) -> LoadedModel:
        """Compile `<base_path>/<version>` as `config` asks; raises LoadError saying what is wrong."""
        if config.unsupported:
            raise LoadError(f"{config.name} asks for {config.unsupported}, which ovms-lite does not have")
        if config.nireq > MAX_NIREQ:
            raise LoadError(f"nireq {config.nireq} of {config.name} is above {MAX_NIREQ}; make it smaller")
        folder = config.base_path / str(version)
        file = find_model_file(folder)
        mapping = _read_mapping(folder)
        plugin = dict(config.plugin_config)
        try:
            # Without a memory map a file that is truncated later cannot kill the process with SIGBUS.
            mapped = bool(plugin.pop("ENABLE_MMAP", False))
            model = self._core.read_model(str(file), config={"ENABLE_MMAP": mapped})
        except _OPENVINO_ERRORS as error:
            raise LoadError(f"{file} cannot be read: {_first_line(error)}; replace the file") from error
        try:
            layouts = _apply_layouts(model, config)
            model = layouts.model
            _reshape(model, config, layouts.inputs)
            if not {"PERFORMANCE_HINT", "NUM_STREAMS"} & plugin.keys():
                plugin["PERFORMANCE_HINT"] = _DEFAULT_HINT
            compiled = self._core.compile_model(model, config.target_device or _DEFAULT_DEVICE, plugin)
        except (*_OPENVINO_ERRORS, ConfigError) as error:
            raise LoadError(
                f"{config.name} version {version} cannot be compiled: {_first_line(error)}; "
                "check its shape, layout, plugin_config and target_device",
                reload_status=getattr(error, "reload_status", 412),
            ) from error
        return LoadedModel(
            compiled,
            _describe(compiled.inputs, mapping.inputs, layouts.inputs),
            _describe(compiled.outputs, mapping.outputs, {}),
            _model_info(model),
            config.nireq or int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")),
        )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("Exception from")]
    return (telling or lines or ["no reason given"])[0][:300].rstrip(".;")


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


def _names(ports: list[ov.Output]) -> tuple[str, ...]:
    """Names of ports; a port without one is called out_<index>, as OVMS does."""
    return tuple(
        min(port.get_names()) if port.get_names() else f"out_{index}" for index, port in enumerate(ports)
    )


@dataclass(frozen=True, slots=True)
class _Layouts:
    model: ov.Model
    inputs: dict[str, str]


def _apply_layouts(model: ov.Model, config: ModelConfig) -> _Layouts:
    """Transpose where config asks for it; tell the layout clients send for each input."""
    names = _names(model.inputs)
    layouts = {
        name: str(port.node.layout).strip("[]").replace(",", "")
        for name, port in zip(names, model.inputs, strict=True)
        if not port.node.layout.empty
    }
    if config.layout is None:
        return _Layouts(model, layouts)
    tensors = names if isinstance(config.layout, str) else names + _names(model.outputs)
    setting = config.layout if isinstance(config.layout, str) else dict(config.layout)
    processor = preprocessing.PrePostProcessor(model)
    for name, text in per_input(setting, tensors, "layout").items():
        change = parse_layout(text)
        port = processor.input(name) if name in names else processor.output(name)
        port.tensor().set_layout(ov.Layout(change.tensor))
        port.model().set_layout(ov.Layout(change.model))
        if name in names:
            layouts[name] = change.tensor
    return _Layouts(processor.build(), layouts)


def _reshape(model: ov.Model, config: ModelConfig, layouts: Mapping[str, str]) -> None:
    names = _names(model.inputs)
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


def _describe(
    ports: list[ov.Output], aliases: Mapping[str, str], layouts: Mapping[str, str]
) -> tuple[TensorInfo, ...]:
    infos = []
    for name, port in zip(_names(ports), ports, strict=True):
        type_name = port.element_type.get_type_name()
        if type_name not in BY_OPENVINO_NAME:
            raise LoadError(
                f"the tensor {name} has the element type {type_name}, which cannot be sent by REST"
            )
        if port.partial_shape.rank.is_dynamic:
            raise LoadError(
                f"the tensor {name} has no fixed number of dimensions; set `shape` in config.json"
            )
        shape = tuple(
            Dimension(d.get_min_length(), d.get_max_length() if d.get_max_length() >= 0 else None)
            for d in port.partial_shape
        )
        alias = aliases.get(name, name)
        infos.append(TensorInfo(alias, BY_OPENVINO_NAME[type_name], shape, layouts.get(name, DEFAULT_LAYOUT)))
    return tuple(infos)


def _model_info(model: ov.Model) -> Mapping[str, object]:
    """The facts a model carries under rt_info/model_info; every leaf as text, as OVMS shows them."""
    info = model.get_rt_info()
    return _as_texts(info["model_info"]) if "model_info" in info else {}


def _as_texts(branch: Mapping[str, Any]) -> dict[str, object]:
    return {
        key: _as_texts(value) if isinstance(value, dict) else value.astype(str)
        for key, value in branch.items()
    }
