"""How far one fetch is."""

import threading


class Progress:
    """How far a fetch is; written by its threads, read by the status."""

    def __init__(self) -> None:
        """Nothing done yet."""
        self._lock = threading.Lock()
        self.phase = "downloading"
        self.total = 0
        self.done = 0

    def add(self, count: int) -> None:
        """`count` more bytes are there."""
        with self._lock:
            self.done += count

    @property
    def fraction(self) -> float:
        """Of the bytes, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 1.0
