"""Pins from the bucket: read when they change, and recorded on the volume for the next start."""

import time
from dataclasses import replace

from edge_common.errors import EdgeError, RejectedError, RetryableError

from model_sync.bucket.catalog import Catalog
from model_sync.bucket.keys import PIN_NAME
from model_sync.bucket.pins import MAX_BYTES, ListedPin, Pins, parse_pin
from model_sync.store.object_store import ObjectStore, read_small
from model_sync.volume.recorded_state import RecordedState

_READING = 60.0
"""Seconds for all pins of a listing."""


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


def record_pins(records: RecordedState, pins: Pins) -> None:
    """Record each model's pin, so that it holds after a restart, too."""
    for name, model in records.current.models.items():
        listed = pins.get(name)
        pin = listed.pin if listed is not None else None
        if pin != model.pin:
            records.change(name, replace(model, pin=pin))
