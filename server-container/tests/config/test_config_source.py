from pathlib import Path

import pytest
from ovms_lite.config.entries import ModelConfig
from ovms_lite.config.source import ConfigFileSource, SingleModelSource
from ovms_lite.errors import StartError

GOOD = '{"model_config_list": [{"config": {"name": "m"}}]}'


def _source(path: Path) -> ConfigFileSource:
    return ConfigFileSource(path, sleep=lambda _seconds: None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "config.json"
    file.write_text(GOOD)
    return file


def test_the_start_needs_a_good_file(path: Path) -> None:
    assert [model.name for model in _source(path).read_first().models] == ["m"]
    path.write_text("{")
    with pytest.raises(StartError, match="not valid JSON"):
        _source(path).read_first()
    path.unlink()
    with pytest.raises(StartError, match="cannot be read"):
        _source(path).read_first()


def test_only_new_content_is_a_change(path: Path) -> None:
    source = _source(path)
    source.read_first()
    assert source.read_change(forced=False).config is not None
    path.touch()
    assert source.read_change(forced=False).config is None
    path.write_text(GOOD + " ")
    assert source.read_change(forced=False).config is not None


def test_a_forced_look_gives_again_what_failed(path: Path) -> None:
    source = _source(path)
    source.read_change(forced=False)
    source.remember_success(False)
    assert source.read_change(forced=True).config is not None
    source.remember_success(True)
    assert source.read_change(forced=True).config is None


def test_a_bad_file_is_reported_once_and_again_when_forced(path: Path) -> None:
    source = _source(path)
    source.read_change(forced=False)
    source.remember_success(True)
    path.write_text("{")
    assert source.read_change(forced=False).error is not None
    assert source.read_change(forced=False).error is None
    assert source.read_change(forced=True).error is not None
    path.unlink()
    assert source.read_change(forced=False).unreadable


def test_a_file_that_is_being_written_is_read_again(path: Path) -> None:
    path.write_text("{")

    def finish_writing(_seconds: float) -> None:
        path.write_text(GOOD)

    source = ConfigFileSource(path, sleep=finish_writing)
    assert source.read_change(forced=False).config is not None


def test_the_model_of_the_command_line_is_given_once() -> None:
    source = SingleModelSource(ModelConfig("m", Path("/models/m")))
    first = source.read_change(forced=False).config
    assert first is not None
    assert source.read_change(forced=True).config is None


def test_a_file_renamed_into_place_is_noticed_until_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"model_config_list": []}')
    source = _source(path)
    source.read_first()
    assert not source.was_replaced()
    aside = tmp_path / "aside"
    aside.write_text('{"model_config_list": [] }')
    aside.replace(path)
    assert source.was_replaced()
    source.read_change(forced=False)
    assert not source.was_replaced()


def test_a_file_written_in_place_or_deleted_is_left_to_the_poll(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"model_config_list": []}')
    source = _source(path)
    source.read_first()
    path.write_text("half")
    assert not source.was_replaced()
    path.unlink()
    assert not source.was_replaced()
