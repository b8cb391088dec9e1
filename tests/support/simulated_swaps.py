"""Swaps by dice: what server and clients see of two versions while the world around them drifts.

PYTHONPATH=tests/support python -m simulated_swaps --swaps 10000
"""

import argparse
import math
import random
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from model_sync.swap_watch.judgement import Breach, Kept, StillWatching, Verdict, judge
from model_sync.swap_watch.observations import (
    ABOVE,
    Answers,
    Observation,
    Seen,
    ServerCounts,
    Watch,
    WatchRecord,
)

BOUNDS = (*(int(10 * 1.8**power) for power in range(33)), ABOVE)
WINDOW = 300.0
LOOK = 10
"""Requests between two observations."""
GOOD = "good"
_DRIFT = 0.5


@dataclass(frozen=True)
class Behaviour:
    """How a version answers: shares, milliseconds, and label -> weight."""

    failed: float
    refused: float
    not_sure: float
    milliseconds: float
    labels: Mapping[str, float]
    longest_stay: int
    """Most pictures in a row that show the same thing."""


@dataclass
class _Camera:
    """One reporter: its totals, and what it shows at the moment."""

    answered: int = 0
    not_sure: int = 0
    refused: int = 0
    streaks: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    scene: str = ""
    left: int = 0
    said: str = "nothing"
    run: int = 0

    def say(self, scene: str) -> None:
        """Count one answer; an empty one is not sure."""
        self.run = self.run + 1 if self.said == scene else 1
        self.said = scene
        self.answered += 1
        self.streaks += 2 * self.run - 1
        if scene:
            self.labels[scene] = self.labels.get(scene, 0) + 1
        else:
            self.not_sure += 1

    @property
    def answers(self) -> Answers:
        """The totals."""
        counts = self.answered, self.not_sure, self.refused, self.streaks
        return Answers(*counts, "cars", dict(self.labels))


class Traffic:
    """Totals that grow by requests; what the pictures show stays the same for a while."""

    def __init__(self, dice: random.Random, reporters: int) -> None:
        """Requests come from so many `reporters`."""
        self.dice = dice
        self.cameras = [_Camera() for _ in range(reporters)]
        self.requests = self.failed = 0
        self.times = dict.fromkeys(BOUNDS, 0)

    def request(self, how: Behaviour) -> None:
        """One picture of one reporter, answered by a version that behaves so."""
        dice = self.dice
        camera = dice.choice(self.cameras)
        failed = dice.random() < how.failed
        bound = bisect_left(BOUNDS, how.milliseconds * 1000 * dice.lognormvariate(0.0, 0.3))
        self.times[BOUNDS[bound]] += 1
        self.requests += 1
        self.failed += failed
        if failed or dice.random() < how.refused:
            camera.refused += 1
            return
        if camera.left == 0:
            camera.left = dice.randint(1, how.longest_stay)
            sure = dice.random() >= how.not_sure
            camera.scene = dice.choices(list(how.labels), list(how.labels.values()))[0] if sure else ""
        camera.left -= 1
        camera.say(camera.scene)

    @property
    def seen(self) -> Seen:
        """The totals so far."""
        clients = {f"camera {number}": camera.answers for number, camera in enumerate(self.cameras)}
        return Seen(ServerCounts(self.requests, self.failed, dict(self.times)), clients)


def any_behaviour(dice: random.Random) -> Behaviour:
    """Of a version that serves some site well."""
    names = [f"class {number}" for number in range(dice.randint(3, 15))]
    return Behaviour(
        failed=dice.choice([0.0, 0.0, 0.001, 0.01, 0.05]),
        refused=dice.choice([0.0, 0.0, 0.002, 0.02]),
        not_sure=dice.uniform(0.0, 0.3),
        milliseconds=math.exp(dice.uniform(0.0, 5.0)),
        labels={name: dice.expovariate(1.0) + 0.05 for name in names},
        longest_stay=dice.choice([1, 1, 2, 3, 5, 20]),
    )


def drifted(dice: random.Random, how: Behaviour, strength: float) -> Behaviour:
    """The same in a world that is otherwise by so much.

    At 0.5 the odds of a failure change by up to 2.7, the share that is not sure moves by up to an eighth,
    times by a quarter, and the weight of a label by a quarter or more.
    """
    shift, weights = dice.uniform(-strength, strength), how.labels.items()
    return replace(
        how,
        failed=_with_odds(how.failed, math.exp(2 * shift)),
        refused=_with_odds(how.refused, math.exp(2 * shift)),
        not_sure=min(max(how.not_sure + shift / 4, 0.0), 0.95),
        milliseconds=how.milliseconds * math.exp(shift / 2),
        labels={name: weight * math.exp(dice.gauss(0.0, strength / 2)) for name, weight in weights},
    )


def _with_odds(share: float, factor: float) -> float:
    return share * factor / (1 - share + share * factor)


def _shifted(labels: Mapping[str, float]) -> dict[str, float]:
    return {f"{name} (next)": weight for name, weight in labels.items()}


DISASTERS: Mapping[str, Callable[[Behaviour, random.Random], Behaviour]] = {
    "failing": lambda how, dice: replace(how, failed=dice.uniform(0.5, 1.0)),
    "slow": lambda how, dice: replace(how, milliseconds=max(how.milliseconds, 10.0) * dice.uniform(15, 40)),
    "blind": lambda how, dice: replace(how, not_sure=dice.uniform(0.95, 0.99)),
    "without answers": lambda how, dice: replace(how, refused=dice.uniform(0.7, 1.0)),
    "one answer": lambda how, _dice: replace(how, labels={min(how.labels, key=how.labels.__getitem__): 1.0}),
    "other labels": lambda how, _dice: replace(how, labels=_shifted(how.labels)),
}
"""Ways in which a new version is bad, as what it makes of how a good one behaves."""


def swap(
    dice: random.Random, kind: str, *, requests: int, before: int = 600, reporters: int = 1
) -> WatchRecord:
    """One swap to a version that is `GOOD` or one of the `DISASTERS`, watched for so many `requests`."""
    how = any_behaviour(dice)
    if kind != GOOD:  # a scene that stays, or an only class, tells little in 200 pictures
        varied = {name: dice.uniform(0.5, 1.5) for name in how.labels}
        how = replace(how, longest_stay=min(how.longest_stay, 2), labels=varied)
    traffic = Traffic(dice, reporters)
    now = how
    for done in range(before):
        if done % 50 == 0:
            now = drifted(dice, how, _DRIFT)
        traffic.request(now)
    watch = Watch("cars", "2", "upload", 2, "1", 1, 0.0, WINDOW)
    record = WatchRecord(watch, traffic.seen)
    later = drifted(dice, how, _DRIFT)
    new, base = Traffic(dice, reporters), later if kind == GOOD else DISASTERS[kind](later, dice)
    for done in range(requests):
        if done % 50 == 0:
            now = drifted(dice, base, _DRIFT)
        new.request(now)
        if (done + 1) % LOOK == 0:
            at = WINDOW * (done + 1) / requests
            record = record.with_observation(Observation(at, new.seen))
    return record


@dataclass
class Figures:
    """What became of many swaps."""

    swaps: int = 0
    gone_back: int = 0
    requests: list[int] = field(default_factory=list)
    """Until the breach was found."""

    def count(self, record: WatchRecord) -> Verdict:
        """Judge `record`, and count it."""
        verdict = judge(record)
        self.swaps += 1
        if isinstance(verdict, Breach):
            self.gone_back += 1
            self.requests.append(found_after(record))
        return verdict


def found_after(record: WatchRecord) -> int:
    """Requests of the first part of `record` that is a breach already."""
    low, high = 1, len(record.observations)
    while low < high:  # a longer part of a breach is one, too
        middle = (low + high) // 2
        part = replace(record, observations=record.observations[:middle])
        low, high = (low, middle) if isinstance(judge(part), Breach) else (middle + 1, high)
    last = record.observations[low - 1].seen.server
    return last.requests if last is not None else 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--swaps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=21)
    asked = parser.parse_args()
    dice, began = random.Random(asked.seed), time.monotonic()
    good, bad = Figures(), {kind: Figures() for kind in DISASTERS}
    for _ in range(asked.swaps):
        reporters = dice.choice([1, 1, 1, 2, 4])
        verdict = good.count(swap(dice, GOOD, requests=dice.choice([20, 100, 300, 600]), reporters=reporters))
        if not isinstance(verdict, Kept):
            sys.stdout.write(f"good, and yet: {verdict}\n")
    for kind in dice.choices(list(DISASTERS), k=asked.swaps):
        verdict = bad[kind].count(swap(dice, kind, requests=200))
        if isinstance(verdict, Kept | StillWatching) and asked.swaps < 2000:
            sys.stdout.write(f"{kind}, and yet: {verdict}\n")
    sys.stdout.write(f"good swaps: {good.swaps}, gone back {good.gone_back}\n")
    for kind, figures in bad.items():
        found = sorted(figures.requests) or [0]
        middle, late = found[len(found) // 2], found[int(len(found) * 0.99)]
        sys.stdout.write(
            f"{kind}: {figures.gone_back} of {figures.swaps} caught within 200 requests; "
            f"half of them after {middle}, 99 % after {late}\n"
        )
    caught, total = (sum(getattr(f, name) for f in bad.values()) for name in ("gone_back", "swaps"))
    sys.stdout.write(f"bad swaps: {total}, caught {caught}; {time.monotonic() - began:.0f} s\n")
    return 0 if good.gone_back == 0 and caught >= 0.99 * total else 1


if __name__ == "__main__":
    sys.exit(main())
