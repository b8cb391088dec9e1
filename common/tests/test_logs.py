import io
import json
import logging
from typing import Any

import pytest
from edge_common.logs import LogFormat, LogLevel, configure_logging, get_logger


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_one_json_object_that_begins_with_ts_level_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging()
    get_logger().warning("listing_failed", reason="away\nfor long", count=3)
    (line,) = _lines(capsys)
    assert list(line)[:3] == ["ts", "level", "event"]
    assert line["ts"].endswith("Z")
    assert (line["level"], line["event"]) == ("warning", "listing_failed")
    assert (line["reason"], line["count"]) == ("away\nfor long", 3)


def test_lines_of_other_libraries_have_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logging.getLogger("some.library").error("broken %s", "pipe")
    (line,) = _lines(capsys)
    assert list(line)[:3] == ["ts", "level", "event"]
    assert line["event"] == "broken pipe"


def test_an_exception_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    try:
        int("told")
    except ValueError:
        get_logger().exception("failed")
    (line,) = _lines(capsys)
    assert "ValueError: invalid literal" in line["exception"]


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON, LogLevel.WARNING)
    get_logger().info("quiet")
    logging.getLogger("urllib3").info("quiet as well")
    assert _lines(capsys) == []


def test_chatty_libraries_are_quiet_at_info(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON, LogLevel.INFO)
    logging.getLogger("urllib3").info("Starting new HTTP connection")
    assert _lines(capsys) == []


def test_on_a_terminal_lines_are_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    configure_logging(LogFormat.AUTO)
    get_logger().info("served", model="cars")
    assert "served" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_on_a_terminal_names_of_strangers_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    configure_logging(LogFormat.CONSOLE)
    get_logger().info("served", model="\x1b]0;owned\x07", labels=["\x1b[2J"])
    logging.getLogger("some.library").error("\x1b[2J\nfake line")
    assert "\\x1b]0;owned\\x07" in terminal.getvalue()
    assert "\x1b]0" not in terminal.getvalue()
    assert "\x1b[2J" not in terminal.getvalue()
    assert len(terminal.getvalue().splitlines()) == 2
