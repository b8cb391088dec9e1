"""What the test modules share."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long one example takes says more about the other users of the machine than about the code.
settings.register_profile("common", deadline=None)
settings.load_profile("common")


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    """`configure_logging` replaces the root handlers; the next test finds its own again."""
    before = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers, level = before
    logging.root.setLevel(level)
