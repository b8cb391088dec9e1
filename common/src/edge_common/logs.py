"""Structured logs: one JSON object per line where a machine reads, coloured lines where a person does."""

import logging
import sys
import warnings
from enum import StrEnum
from typing import Any

# structlog imports rich's tracebacks where it finds rich: 6.5 MiB and 230 ms of processor time in every start
_rich: object = sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None makes an import of it fail
import structlog  # noqa: E402 - after the line above

from edge_common.printable import printable  # noqa: E402 - the same

if _rich is None:
    del sys.modules["rich"]


class LogFormat(StrEnum):
    """How log lines look; `auto` is `console` on a terminal and `json` elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least severe line that is written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


def _put_ts_level_event_first(_logger: Any, _method: str, event: Any) -> Any:
    first = {key: event.pop(key) for key in ("ts", "level", "event") if key in event}
    return first | event


def _show_as_text(_logger: Any, _method: str, event: Any) -> Any:
    return {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}


def _log_warning(message: Warning | str, category: type[Warning], *_place: Any, **_more: Any) -> None:
    logging.getLogger("py.warnings").warning("%s: %s", category.__name__, message)


def configure_logging(log_format: LogFormat = LogFormat.AUTO, level: LogLevel = LogLevel.INFO) -> None:
    """Send structlog's and the standard library's lines, and warnings, to standard error in one format.

    Keys are `ts` (UTC, ISO 8601), `level`, `event`, then what the line is about.
    """
    as_json = log_format is LogFormat.JSON or (log_format is LogFormat.AUTO and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[Any] = (
        [structlog.processors.format_exc_info, _put_ts_level_event_first, structlog.processors.JSONRenderer()]
        if as_json
        else [
            _show_as_text,  # JSON escapes by itself
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                timestamp_key="ts",
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.root.handlers = [handler]
    warnings.showwarning = _log_warning
    logging.root.setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    for chatty in ("urllib3", "httpx", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.root.level))


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """The logger of a module; call it at import, it is bound at first use."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
