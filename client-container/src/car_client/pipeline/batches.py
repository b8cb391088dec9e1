"""How many pictures go together in one request to a model."""

import threading
from collections import Counter

from car_client.models.served_model import ServedModel

_PROOFS = 2
"""Requests in a row that failed as a whole and went picture by picture, before it is done so at once."""


class BatchSizes:
    """At most `most` pictures, fewer where the model's batch is fixed, or where experience teaches it.

    A model may say that it takes any number and have 1 written inside all the same; the server cannot know.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._proofs: Counter[tuple[str, int]] = Counter()
        """By model and version."""
        self._failing: set[str] = set()
        """Models that answered no picture alone either, however long they were waited for."""

    def of(self, model: ServedModel) -> int:
        """Pictures in one request to `model`."""
        alone = self._proofs[model.name, model.version] >= _PROOFS
        return model.batch or (1 if alone else self._most)

    def is_worth_waiting(self, model: ServedModel) -> bool:
        """Whether `model` may come round after a request failed; not if it did not the last time."""
        return model.name not in self._failing

    def note_answered(self, model: ServedModel) -> None:
        """Several pictures were answered by one request."""
        with self._lock:
            self._proofs.pop((model.name, model.version), None)
            self._failing.discard(model.name)

    def note_split(self, model: ServedModel, *, answered: int, of: int) -> None:
        """A request with several pictures failed; `answered` of them found an answer alone."""
        with self._lock:
            if not answered:
                self._failing.add(model.name)
                return
            self._failing.discard(model.name)
            if answered == of:
                for known in [
                    key for key in self._proofs if key[0] == model.name and key[1] != model.version
                ]:
                    del self._proofs[known]
                self._proofs[model.name, model.version] += 1
