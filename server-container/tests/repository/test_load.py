from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from edge_common.openvino_runtime import ops, ov
from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import LoadError
from ovms_lite.repository.load import LoadedModel, ModelLoader, usable_cache
from ovms_lite.serving.servable import stream_count

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Models
    from ovms_lite.config.entries import PluginConfig


@pytest.fixture(scope="session")
def loader() -> ModelLoader:
    return ModelLoader()


def _load(loader: ModelLoader, models: Models, **settings: object) -> LoadedModel:
    return loader.load(ModelConfig("m", models.root / "m", **settings), 1)  # type: ignore[arg-type]  # any setting


def _shape(loaded: LoadedModel) -> list[int]:
    return [dimension.as_metadata() for dimension in loaded.inputs[0].shape]


def test_inputs_and_outputs_are_described(loader: ModelLoader, models: Models) -> None:
    models.add("m", 1, 1.0, ("n", 4))
    loaded = _load(loader, models)
    assert (loaded.inputs[0].name, loaded.outputs[0].name) == ("x", "y")
    assert _shape(loaded) == [-1, 4]
    assert loaded.model_info == {}


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"shape": "(3,4)"}, [3, 4]),
        ({"shape": (("x", "(1:5,4)"),)}, [-1, 4]),
        ({"shape": "auto"}, [-1, -1]),
        ({"batch_size": 5}, [5, 4]),
        ({"batch_size": "2:6"}, [-1, 4]),
        ({"batch_size": 0}, [-1, 4]),
        ({"batch_size": 9, "shape": "(2,4)"}, [2, 4]),
    ],
)
def test_shape_and_batch_size_reshape_the_model(
    loader: ModelLoader, models: Models, settings: dict[str, object], shape: list[int]
) -> None:
    models.add("m", 1, 1.0, ("n", 4))
    assert _shape(_load(loader, models, **settings)) == shape


def _save_image_model(folder: Path) -> None:
    image = ops.parameter(ov.PartialShape([1, 3, 8, 8]), ov.Type.f32, name="img")
    image.output(0).set_names({"img"})
    mean = ops.reduce_mean(image, ops.constant(np.array([2, 3], np.int64)), keep_dims=False)
    model = ov.Model([ops.result(mean)], [image], "image")
    model.set_rt_info(["cat", "dog"], ["model_info", "labels"])
    model.set_rt_info("fit", ["model_info", "resize", "type"])
    folder.mkdir(parents=True)
    ov.save_model(model, str(folder / "model.xml"))


def test_a_layout_change_transposes_what_clients_send(loader: ModelLoader, models: Models) -> None:
    _save_image_model(models.root / "m" / "1")
    loaded = _load(loader, models, layout="NHWC:NCHW")
    assert _shape(loaded) == [1, 8, 8, 3]
    assert loaded.inputs[0].layout == "NHWC"
    assert _shape(_load(loader, models)) == [1, 3, 8, 8]


def test_the_facts_in_an_ir_are_texts(loader: ModelLoader, models: Models) -> None:
    _save_image_model(models.root / "m" / "1")
    loaded = _load(loader, models)
    assert loaded.model_info == {"labels": "cat dog", "resize": {"type": "fit"}}


def test_a_mapping_file_renames_tensors(loader: ModelLoader, models: Models) -> None:
    folder = models.add("m", 1, 1.0)
    (folder / "mapping_config.json").write_text('{"inputs": {"x": "pixels"}, "outputs": {"y": "scores"}}')
    loaded = _load(loader, models)
    assert (loaded.inputs[0].name, loaded.outputs[0].name) == ("pixels", "scores")


@pytest.mark.parametrize(
    ("settings", "status", "reason"),
    [
        ({"shape": "(1,7)"}, 412, "cannot be compiled"),
        ({"shape": "(1,"}, 500, "shape"),
        ({"layout": "QQQ"}, 500, "layout 'QQQ' is not understood"),
        ({"plugin_config": (("NO_SUCH_KEY", "1"),)}, 412, "NO_SUCH_KEY"),
        ({"target_device": "MOON"}, 412, "MOON"),
        ({"nireq": 100_001}, 500, "nireq"),
        ({"unsupported": "stateful models"}, 500, "stateful models"),
    ],
)
def test_a_setting_that_does_not_work_fails_only_this_version_and_says_why(
    loader: ModelLoader, models: Models, settings: dict[str, object], status: int, reason: str
) -> None:
    folder = models.add("m", 1, 1.0, (1, 2))
    (folder / "mapping_config.json").write_text("{}")
    two = ops.parameter([1, 2], ov.Type.f32, name="x")
    two.output(0).set_names({"x"})
    fixed = ov.Model([ops.matmul(two, ops.constant(np.ones((2, 3), np.float32)), False, False)], [two])
    ov.save_model(fixed, str(folder / "model.xml"))
    with pytest.raises(LoadError, match=reason) as caught:
        _load(loader, models, **settings)
    assert caught.value.reload_status == status


def test_broken_files_say_which(loader: ModelLoader, models: Models) -> None:
    models.broken("m", 1)
    with pytest.raises(LoadError, match=r"model\.onnx cannot be read"):
        _load(loader, models)


def test_nireq_and_streams_follow_the_settings(loader: ModelLoader, models: Models) -> None:
    models.add("m", 1, 1.0)
    assert _load(loader, models, nireq=7).request_count == 7
    assert _load(loader, models, plugin_config=(("NUM_STREAMS", "1"),)).request_count == 1


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ((), "LATENCY"),
        ((("INFERENCE_PRECISION_HINT", "f32"),), "LATENCY"),
        ((("PERFORMANCE_HINT", "THROUGHPUT"),), "THROUGHPUT"),
    ],
)
def test_without_hint_and_streams_a_model_is_compiled_for_latency_as_by_ovms(
    loader: ModelLoader, models: Models, settings: PluginConfig, hint: str
) -> None:
    models.add("m", 1, 1.0)
    assert _load(loader, models, plugin_config=settings).compiled.get_property("PERFORMANCE_HINT") == hint


def test_a_number_of_streams_is_taken_as_it_is(loader: ModelLoader, models: Models) -> None:
    models.add("m", 1, 1.0)
    assert stream_count(_load(loader, models, plugin_config=(("NUM_STREAMS", "2"),)).compiled) == 2


def test_the_device_and_its_properties_are_those_of_the_settings(loader: ModelLoader, models: Models) -> None:
    models.add("m", 1, 1.0)
    hints = (("PERFORMANCE_HINT", "LATENCY"), ("INFERENCE_PRECISION_HINT", "f32"))
    compiled = _load(loader, models, target_device="CPU", plugin_config=hints).compiled
    assert compiled.get_property("EXECUTION_DEVICES") == ["CPU"]
    assert compiled.get_property("PERFORMANCE_HINT") == "LATENCY"
    assert compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"


def test_a_named_folder_is_made_and_used(tmp_path: Path) -> None:
    assert usable_cache(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_the_default_is_used_when_it_is_there(tmp_path: Path) -> None:
    assert usable_cache(None, tmp_path) == tmp_path
    assert usable_cache(None, tmp_path / "missing") is None


def test_a_folder_that_cannot_be_written_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert usable_cache(tmp_path / "file" / "cache") is None


def test_the_second_server_takes_the_compiled_model_from_the_cache(models: Models, tmp_path: Path) -> None:
    models.add("m", 1, 1.0)
    cache = usable_cache(tmp_path / "cache")
    config = ModelConfig("m", models.root / "m")
    from_cache = [
        ModelLoader(cache).load(config, 1).compiled.get_property("LOADED_FROM_CACHE") for _ in range(2)
    ]
    assert from_cache == [False, True]


@pytest.mark.parametrize("shape", ["(1,", "1,x", "(1:0,2)", (("x", "no"),)])
def test_what_is_no_shape_in_config_json_is_left_out_as_by_ovms(models: Models, shape: object) -> None:
    """Derived from OVMS's source, not recorded from a running server."""
    models.add("m", 1, 1.0)
    assert _shape(_load(ModelLoader(ignore_bad_shapes=True), models, shape=shape)) == [1, 2]
