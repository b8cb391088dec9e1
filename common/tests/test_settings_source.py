from pathlib import Path
from typing import Annotated, Any

import pytest
from edge_common.errors import FatalError
from edge_common.settings_source import load_settings, redacted
from pydantic import BaseModel, Field, SecretStr


class _Settings(BaseModel):
    bucket: str = "default"
    count: int = Field(default=1, ge=0)
    address: str = ""
    secret: Annotated[SecretStr, Field(max_length=10)] = SecretStr("")


def _load(environ: dict[str, str], file: Path | None = None, **overrides: Any) -> _Settings:
    return load_settings(
        _Settings,
        prefix="APP_",
        environ=environ,
        file=file or Path("/nowhere.yaml"),
        overrides=overrides,
        reserved={"STATUS_URL"},
    )


def _yaml(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text)
    return path


def test_the_default_is_what_nobody_says(tmp_path: Path) -> None:
    assert _load({}, tmp_path / "missing.yaml").bucket == "default"
    assert _load({}, _yaml(tmp_path, "")).bucket == "default"


def test_the_yaml_file_comes_before_the_default(tmp_path: Path) -> None:
    assert _load({}, _yaml(tmp_path, "bucket: yaml\nCOUNT: 5")).count == 5


def test_a_file_with_a_value_comes_before_the_yaml_file(tmp_path: Path) -> None:
    (tmp_path / "value").write_text("from-file\n")
    environ = {"APP_BUCKET_FILE": str(tmp_path / "value")}
    assert _load(environ, _yaml(tmp_path, "bucket: yaml")).bucket == "from-file"


def test_a_variable_comes_before_a_file_with_a_value(tmp_path: Path) -> None:
    (tmp_path / "value").write_text("from-file")
    environ = {"APP_BUCKET_FILE": str(tmp_path / "value"), "APP_BUCKET": "variable"}
    assert _load(environ).bucket == "variable"


def test_a_flag_comes_before_everything_and_none_is_no_flag() -> None:
    assert _load({"APP_BUCKET": "variable"}, bucket="flag").bucket == "flag"
    assert _load({"APP_BUCKET": "variable"}, bucket=None).bucket == "variable"


def test_an_unknown_variable_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(FatalError, match=r"unknown setting APP_BUCKETT; did you mean APP_BUCKET\?"):
        _load({"APP_BUCKETT": "x"})
    with pytest.raises(FatalError, match="unknown setting APP_ZZZ; remove it"):
        _load({"APP_ZZZ": "x"})


def test_an_unknown_name_in_the_yaml_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"unknown setting .bukket. in .*; did you mean bucket\?"):
        _load({}, _yaml(tmp_path, "bukket: x"))


def test_reserved_names_and_other_programs_variables_are_left_alone() -> None:
    assert _load({"APP_STATUS_URL": "x", "OTHER_BUCKET": "y"}).bucket == "default"


def test_a_variable_names_another_yaml_file_which_has_to_be_there(tmp_path: Path) -> None:
    named = _yaml(tmp_path, "bucket: named")
    assert _load({"APP_CONFIG_FILE": str(named)}, tmp_path / "missing.yaml").bucket == "named"
    with pytest.raises(FatalError, match=r"settings file .*missing\.yaml cannot be read"):
        _load({"APP_CONFIG_FILE": str(tmp_path / "missing.yaml")}, named)


@pytest.mark.parametrize("text", ["- a", "'", "x: 2024-99-99", "\x00", "x: !!int y"])
def test_a_yaml_file_that_is_none_is_told_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(FatalError, match=r"settings\.yaml"):
        _load({}, _yaml(tmp_path, text))


def test_a_value_that_does_not_fit_names_its_setting_and_whether_a_flag_gave_it() -> None:
    with pytest.raises(FatalError, match=r"^APP_COUNT cannot be '-1': "):
        _load({"APP_COUNT": "-1"})
    with pytest.raises(FatalError, match=r"^APP_COUNT, given by a flag, cannot be -1: "):
        _load({"APP_COUNT": "1"}, count=-1)


def test_a_secret_that_does_not_fit_is_not_told() -> None:
    with pytest.raises(FatalError, match=r"^APP_SECRET: ") as error:
        _load({"APP_SECRET": "much-too-long"})
    assert "much" not in str(error.value)


def test_a_secret_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"APP_SECRET_FILE names .*cannot be read"):
        _load({"APP_SECRET_FILE": str(tmp_path / "missing")})


def test_secrets_are_not_shown() -> None:
    shown = redacted(
        _load({"APP_SECRET": "hunter2", "APP_COUNT": "3", "APP_ADDRESS": "rtsp://me:hunter2@gate/1"})
    )
    assert shown == {"bucket": "default", "count": 3, "address": "rtsp://***@gate/1", "secret": "set"}
    assert redacted(_load({}))["secret"] == "not set"


def test_blanks_and_line_ends_around_a_value_are_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(b"\xef\xbb\xbf key \r\n")
    loaded = _load({"APP_BUCKET": " b\n", "APP_SECRET_FILE": str(tmp_path / "value")})
    assert (loaded.bucket, loaded.secret.get_secret_value()) == ("b", "key")


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_that_no_shell_took_away_are_told(quote: str) -> None:
    with pytest.raises(FatalError, match=r"^the value of APP_BUCKET is in quotes"):
        _load({"APP_BUCKET": f"{quote}models{quote}"})


@pytest.mark.parametrize("odd", ["se\u200bcret", "se\ncret", "se\u00a0cret"])
def test_a_secret_of_several_lines_or_with_what_nobody_sees_is_told_without_it(odd: str) -> None:
    with pytest.raises(FatalError, match=r"^APP_SECRET holds a line break or an invisible") as error:
        _load({"APP_SECRET": odd})
    assert "cret" not in str(error.value)
