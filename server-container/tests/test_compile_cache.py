from __future__ import annotations

from typing import TYPE_CHECKING

from ovms_lite.config.entries import ModelConfig
from ovms_lite.models.compile_cache import usable_cache
from ovms_lite.models.loading import ModelLoader

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Models


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
    config = ModelConfig("m", models.root / "m", plugin_config=(("NUM_STREAMS", "1"),))  # compiled once
    from_cache = [
        ModelLoader(cache).load(config, 1).compiled.get_property("LOADED_FROM_CACHE") for _ in range(2)
    ]
    assert from_cache == [False, True]
