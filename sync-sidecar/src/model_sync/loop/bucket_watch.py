"""Lists the bucket in a thread of its own, and remembers what its listings told.

A store that trickles, or lists without end, holds that thread until the listing's own limits end it; the loop
goes on, serves what there is, and tells since when the listing lasts.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from edge_common.errors import EdgeError, RejectedError, RetryableError
from edge_common.logs import get_logger

from model_sync.bucket.catalog import Catalog, build_catalog, combined
from model_sync.bucket.keys import PIN_NAME
from model_sync.bucket.pins import MAX_BYTES, ListedPin, Pin, Pins, parse_pin, pins_after_listing
from model_sync.cards.model_cards import FoundCards, ModelCards
from model_sync.loop.wakeup import Clock
from model_sync.metrics import Metrics
from model_sync.planning.snapshot import BucketSnapshot, by_model
from model_sync.planning.uploads import Absences, quiet_since
from model_sync.store.errors import UnknownUserError
from model_sync.store.object_store import ObjectStore, read_small

_log = get_logger()

_FIRST_RETRY = 1.0
"""Seconds after the first failed listing; doubled each time, up to the poll interval."""
_USERS_MADE_WITHIN = 60.0
"""Seconds from the first listing on in which a new store may not have made this sidecar's user yet."""
_LONG = 5.0
"""Seconds after which a listing that lasts is told."""
_READING = 60.0
"""Seconds for all pins of a listing."""

_Listed = tuple[Catalog, FoundCards, Pins]
"""What a complete listing told."""


def in_background(work: Callable[[], None]) -> None:
    """Run `work` in a thread that does not keep the program from ending."""
    threading.Thread(target=work, name="listing", daemon=True).start()


@dataclass
class BucketWatch:
    """What the listings so far tell. Used by the loop's thread; only `_list` runs in another."""

    store: ObjectStore
    prefixes: Sequence[str]
    cards: ModelCards
    clock: Clock
    metrics: Metrics
    poll_interval: float
    delete_grace: float
    hold: float
    run: Callable[[Callable[[], None]], None] = lambda work: work()
    """Runs a listing; unless set otherwise, where it is begun."""
    prepare: Callable[[], bool] = lambda: True
    """Called before listings until it gives True; may ask the store."""
    listing_ended: Callable[[], None] = lambda: None
    """Called from the listing's thread."""
    _last: BucketSnapshot = field(default_factory=BucketSnapshot)
    _absences: Absences = field(default_factory=Absences)
    _prepared: bool = False
    _begun: tuple[float, float] | None = None
    """When the listing that runs began: Unix and monotonic seconds."""
    _ended: SimpleQueue[_Listed | Exception] = field(default_factory=SimpleQueue)
    _asked_again: bool = False
    _first_begun: float = math.inf
    _user_awaited: bool = False

    @property
    def list_again_at(self) -> float:
        """Monotonic time of the next poll, or of the next try after a listing that failed."""
        return self._last.list_again_at if self._begun is None else math.inf

    def snapshot(self) -> BucketSnapshot:
        """What the listings so far tell at this moment."""
        now, begun = self.clock.monotonic(), self._begun
        lasts = begun is not None and now - begun[1] >= _LONG
        return replace(
            self._last,
            gone_at=by_model(self._absences.gone_at(grace=self.delete_grace)),
            gone=self._absences.gone(now, grace=self.delete_grace, hold=self.hold),
            removal_hold=self._absences.removal_hold(now, self.hold),
            list_again_at=self.list_again_at,
            listing_since=begun[0] if begun is not None and lasts else None,
        )

    def begin_listing(self) -> None:
        """Begin to list everything, or do so again when the listing that runs has ended."""
        if self._begun is not None:
            self._asked_again = True
            return
        self._begun = self.clock.now(), self.clock.monotonic()
        self._first_begun = min(self._first_begun, self._begun[1])
        before, pins = self._last.catalog, self._last.pins
        self.run(lambda: self._list(before, pins))

    def know_pins(self, pins: Mapping[str, Pin]) -> None:
        """Hold to these, which the volume has recorded, until the bucket was listed."""
        if self._last.catalog is None:
            self._last = replace(self._last, pins={name: ListedPin(pin) for name, pin in pins.items()})

    def release(self, model: str) -> None:
        """Believe what the last listings lack, of `model` or, if it is empty, of all: a person says so."""
        self._absences = self._absences.released(model)

    def take_in_listing(self, kept: Iterable[tuple[str, str]]) -> None:
        """Note what the listing told, if it has ended; `kept`: model and bucket version of what is stored.

        A listing that failed anywhere tells nothing but its error: the last complete one stays.
        """
        try:
            ended = self._ended.get_nowait()
        except Empty:
            return
        begun, self._begun = self._begun or (self.clock.now(), self.clock.monotonic()), None
        if isinstance(ended, EdgeError):
            self._note_failure(ended, begun)
        elif isinstance(ended, Exception):
            raise ended
        else:
            self._note_listing(ended, kept, begun)
        if self._asked_again:
            self._asked_again = False
            self._last = replace(self._last, list_again_at=self.clock.monotonic())

    def _list(self, before: Catalog | None, pins: Pins) -> None:
        try:
            self._prepared = self._prepared or self.prepare()
            with self.metrics.listing_seconds.time():
                listed = self.store.list_objects
                catalog = combined({p: build_catalog(listed(p), p, before) for p in self.prefixes})
            self._ended.put((catalog, self.cards.read(catalog), read_pins(self.store, catalog, pins)))
        except Exception as error:  # noqa: BLE001 - noted, or raised again, by the loop
            self._ended.put(error)
        self.listing_ended()

    def _note_failure(self, error: EdgeError, begun: tuple[float, float]) -> None:
        now, failures = self.clock.monotonic(), self._last.failures + 1
        retry_at = now + min(_FIRST_RETRY * 2 ** min(failures - 1, 16), self.poll_interval)
        self._last = replace(
            self._last,
            listings=self._last.listings + 1,
            last_attempt=begun[0],
            error=error,
            failures=failures,
            list_again_at=max(now, min(begun[1] + self.poll_interval, retry_at)),
        )
        self._absences = self._absences.after_failure(now, self.hold)
        self.metrics.listings.labels(result="error").inc()
        awaited, self._user_awaited = self._user_awaited, self._awaits_user(error)
        reason = "the store does not know this user yet" if self._user_awaited else str(error)
        told = failures & (failures - 1) == 0  # the 1st, 2nd, 4th, 8th ... time
        told = told or (awaited and not self._user_awaited)
        aloud = _log.info if self._user_awaited else _log.warning
        (aloud if told else _log.debug)("listing_failed", reason=reason, count=failures)

    def _awaits_user(self, error: EdgeError) -> bool:
        """Whether that is no fault yet: whoever sets a new store up makes its users meanwhile."""
        waited = self.clock.monotonic() - self._first_begun
        never = self._last.last_success is None
        return never and isinstance(error, UnknownUserError) and waited < _USERS_MADE_WITHIN

    def _note_listing(
        self, listed: _Listed, kept: Iterable[tuple[str, str]], begun: tuple[float, float]
    ) -> None:
        catalog, cards, found = listed
        last, now = self._last, self.clock.monotonic()
        if last.failures:
            _log.info("store_returned", failures=last.failures)
        self.metrics.listings.labels(result="noop" if catalog == last.catalog else "success").inc()
        pins = pins_after_listing(last.pins, found, catalog)
        self._last = BucketSnapshot(
            catalog=catalog,
            pins=pins,
            quiet_since=quiet_since(catalog, now, last.catalog, last.quiet_since),
            listings=last.listings + 1,
            last_attempt=begun[0],
            last_success=begun[0],
            list_again_at=begun[1] + self.poll_interval,
        )
        self._absences = self._absences.after_listing(catalog, kept, now, self.clock.now())
        self._asked_again = self._asked_again or any(pin.missed for pin in pins.values())
        self.cards.take(cards)


def read_pins(store: ObjectStore, catalog: Catalog, before: Pins) -> dict[str, ListedPin]:
    """Model -> its pin, for every pin.yaml in `catalog`; what did not change since `before` is not read.

    One that cannot be read keeps the version that `before` has, and says why; it is read again when it
    changes, or, where the store was at fault, after the next listing.
    """
    pins = {}
    until = time.monotonic() + _READING
    for name, model in catalog.models.items():
        there = model.loose.get(PIN_NAME)
        if there is None:
            continue
        known = before.get(name)
        if known is not None and known.mark == there.state:
            pins[name] = known
            continue
        last_good = known.pin if known is not None else None
        try:
            if time.monotonic() > until:
                raise RetryableError("the store gives pins too slowly; it is read after the next listing")
            pins[name] = ListedPin(parse_pin(read_small(store, there, MAX_BYTES)), mark=there.state)
        except RejectedError as error:
            pins[name] = ListedPin(last_good, str(error), there.state)
        except EdgeError as error:
            pins[name] = ListedPin(last_good, str(error))
    return pins
