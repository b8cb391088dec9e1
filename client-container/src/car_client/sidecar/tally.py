"""How the versions of each model answer, as counts: what the sidecar compares after a new one took over."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

_MOST_MODELS = 1000
_MOST_VERSIONS = 4
"""Of a model; the one that came first goes."""
_MOST_LABELS = 60
"""Of a model, told apart by their names, the first that are seen; the others count together."""
_OTHERS = "(others)"
_LATELY = 500
"""Answers that count as lately: so many at least, and twice as many at most."""
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Totals:
    """What one version did so far; `streaks` sums the squares of the lengths of runs of equal answers."""

    answered: int = 0
    not_sure: int = 0
    refused: int = 0
    streaks: int = 0
    label_set: str = ""
    labels: Mapping[str, int] = field(default_factory=dict)

    def since(self, before: "Totals") -> "Totals":
        """What came after `before`."""
        labels = {label: count - before.labels.get(label, 0) for label, count in self.labels.items()}
        return Totals(
            self.answered - before.answered,
            self.not_sure - before.not_sure,
            self.refused - before.refused,
            self.streaks - before.streaks,
            self.label_set,
            {label: count for label, count in labels.items() if count > 0},
        )


@dataclass(slots=True)
class _Version:
    totals: Totals = field(default_factory=Totals)
    middle: Totals = field(default_factory=Totals)
    """The totals some hundred answers ago."""
    base: Totals = field(default_factory=Totals)
    """The same as many answers before that."""


class Tally:
    """Counts the answers of every version. Thread-safe, and never waits."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._lock = threading.Lock()
        self._models: dict[str, dict[int, _Version]] = {}
        self._names: dict[tuple[str, str], set[str]] = {}
        """Model and label set -> the labels that are told apart."""

    def source(self) -> "Source":
        """Counts the answers to the pictures of one source, which come one after the other."""
        return Source(self)

    def totals(self, model: str, version: int) -> Totals:
        """All that is counted of a version."""
        with self._lock:
            found = self._models.get(model, {}).get(version)
            return found.totals if found is not None else Totals()

    def lately(self, model: str, version: int) -> Totals:
        """Its last answers: some hundred, all where there are fewer."""
        with self._lock:
            found = self._models.get(model, {}).get(version)
            return found.totals.since(found.base) if found is not None else Totals()

    def change(self, model: str, version: int, how: Callable[[Totals], Totals]) -> None:
        """Replace the totals of a version by what `how` makes of them."""
        with self._lock:
            if model not in self._models and len(self._models) >= _MOST_MODELS:
                return
            versions = self._models.setdefault(model, {})
            one = versions.setdefault(version, _Version())
            if len(versions) > _MOST_VERSIONS:
                versions.pop(next(iter(versions)))
            one.totals = how(one.totals)
            if one.totals.answered - one.middle.answered >= _LATELY:
                one.base, one.middle = one.middle, one.totals

    def name_of(self, model: str, label_set: str, label: str) -> str:
        """The name under which `label` is counted."""
        with self._lock:
            if len(self._names) >= _MOST_MODELS and (model, label_set) not in self._names:
                self._names.clear()
            names = self._names.setdefault((model, label_set), set())
            if label not in names and len(names) >= _MOST_LABELS:
                return _OTHERS
            names.add(label)
            return label


class Source:
    """The answers to one source's pictures."""

    def __init__(self, tally: Tally) -> None:
        """Nothing was answered yet."""
        self._tally = tally
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[int, str, int]] = {}
        """Model -> the version, what it said last, and how often in a row."""

    def answer(self, model: str, version: int, label_set: str, label: str) -> None:
        """One picture was answered; an empty `label`: the version was not sure. `label_set` may be empty."""
        with self._lock:
            before = self._runs.get(model)
            length = before[2] + 1 if before is not None and before[:2] == (version, label) else 1
            if len(self._runs) >= _MOST_MODELS:
                self._runs.clear()
            self._runs[model] = version, label, length
        name = self._tally.name_of(model, label_set, label[:_LONGEST]) if label else ""

        def counted(totals: Totals) -> Totals:
            labels = totals.labels
            if name:
                labels = {**labels, name: labels.get(name, 0) + 1}
            return replace(
                totals,
                answered=totals.answered + 1,
                not_sure=totals.not_sure + (not name),
                streaks=totals.streaks + 2 * length - 1,
                label_set=label_set,
                labels=labels,
            )

        self._tally.change(model, version, counted)

    def refuse(self, model: str, version: int) -> None:
        """One picture got no usable answer, though the server was there."""
        self._tally.change(model, version, lambda totals: replace(totals, refused=totals.refused + 1))
