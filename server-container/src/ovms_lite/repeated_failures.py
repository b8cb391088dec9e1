"""Saying a failure that repeats every second once, and then rarely, with a count."""

from edge_common.logs import get_logger

log = get_logger()


class RepeatedFailures:
    """Counts failures by subject; logs the first of a kind and then every power of two."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int]] = {}

    def report(self, subject: str, reason: str, **facts: object) -> None:
        """Count one failure of `subject`; a new reason is logged at once."""
        last_reason, count = self._seen.get(subject, ("", 0))
        count = count + 1 if reason == last_reason else 1
        self._seen[subject] = (reason, count)
        if count & (count - 1) == 0:
            log.warning("failed", subject=subject, reason=reason, count=count, **facts)

    def forget(self, subject: str) -> None:
        """The subject is well again."""
        self._seen.pop(subject, None)
