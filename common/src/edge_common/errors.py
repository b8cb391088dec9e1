"""The three kinds of failure, and what each asks of whoever catches it.

Every error the platform raises on purpose is one of:

- `RetryableError`: the world was in the way (an outage, a busy disk). Doing the same again later may work.
- `RejectedError`: the input is at fault (a model, a card, a picture). It stays wrong until it changes.
- `FatalError`: our own set-up is at fault (a setting, a missing volume). A person has to change it.

A message says what happened, to what, and what to do about it.
"""

from typing import ClassVar


class EdgeError(Exception):
    """Base of all deliberate errors; `exit_code` is what a command ends with when it meets one."""

    exit_code: ClassVar[int] = 1


class RetryableError(EdgeError):
    """The same call may succeed later; nothing was lost."""

    exit_code: ClassVar[int] = 75  # EX_TEMPFAIL of sysexits.h


class RejectedError(EdgeError):
    """The input is not acceptable and will not become so by waiting."""

    exit_code: ClassVar[int] = 65  # EX_DATAERR of sysexits.h


class FatalError(EdgeError):
    """This program cannot do its work until its settings or surroundings are changed."""

    exit_code: ClassVar[int] = 78  # EX_CONFIG of sysexits.h
