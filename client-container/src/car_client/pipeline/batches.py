"""How many pictures go together in one request to a model."""

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
        self._proofs: Counter[tuple[str, int]] = Counter()

    def of(self, model: ServedModel) -> int:
        """Pictures in one request to `model`."""
        alone = self._proofs[model.name, model.version] >= _PROOFS
        return model.batch or (1 if alone else self._most)

    def note_together(self, model: ServedModel) -> None:
        """Several pictures were answered by one request."""
        self._proofs.pop((model.name, model.version), None)

    def note_alone(self, model: ServedModel) -> None:
        """A request with several pictures failed, and each of them was answered alone."""
        for known in [key for key in self._proofs if key[0] == model.name and key[1] != model.version]:
            del self._proofs[known]
        self._proofs[model.name, model.version] += 1
