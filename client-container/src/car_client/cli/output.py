"""What commands write to the standard streams."""

import json
import sys
from collections.abc import Mapping

from edge_common.logs import LogLevel, configure_logging

from car_client.settings import Settings


def configure_log(settings: Settings, *, answers_on_terminal: bool) -> None:
    """Log to standard error; only warnings when the answer itself goes to a terminal."""
    quiet = answers_on_terminal and sys.stderr.isatty()
    level = settings.log_level or (LogLevel.WARNING if quiet else LogLevel.INFO)
    configure_logging(settings.log_format, level)


def print_json(document: Mapping[str, object]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def print_json_line(document: Mapping[str, object]) -> None:
    """One JSON object as one line on standard output, at once."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
