"""What is known of versions, found by model without looking at all the others."""

from collections.abc import Hashable, Iterator, Mapping, MutableMapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByModel(MutableMapping[tuple[str, K], V], Generic[K, V]):
    """A dictionary with keys (model, version); `of` is as quick for a thousand models as for one."""

    def __init__(self) -> None:
        """Empty."""
        self._models: dict[str, dict[K, V]] = {}

    def of(self, model: str) -> Mapping[K, V]:
        """The entries of one model, by version."""
        return self._models.get(model, {})

    def __getitem__(self, key: tuple[str, K]) -> V:
        return self._models[key[0]][key[1]]

    def __setitem__(self, key: tuple[str, K], value: V) -> None:
        self._models.setdefault(key[0], {})[key[1]] = value

    def __delitem__(self, key: tuple[str, K]) -> None:
        entries = self._models[key[0]]
        del entries[key[1]]
        if not entries:
            del self._models[key[0]]

    def __iter__(self) -> Iterator[tuple[str, K]]:
        return ((model, version) for model, entries in self._models.items() for version in entries)

    def __len__(self) -> int:
        return sum(map(len, self._models.values()))
