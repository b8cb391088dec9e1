"""What wakes the loop before its time; of the store's events, that they only ever ask for a listing."""

import threading
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from event_store import END, EventStore, created
from eventually import wait_until
from model_sync.loop import wakeup as wakeup_module
from model_sync.loop.wakeup import EventListener, Wakeup
from model_sync.settings import Settings
from pydantic import SecretStr

_LONG = 30.0


def test_nothing_wakes_it_before_its_time() -> None:
    assert Wakeup().wait(0.01) is False


def test_a_request_for_a_listing_is_granted_once(wakeup: Wakeup) -> None:
    wakeup.look()
    wakeup.look()
    assert wakeup.wait(_LONG) is True
    assert wakeup.wait(0) is False


def test_finished_work_wakes_it_and_asks_for_no_listing(wakeup: Wakeup) -> None:
    wakeup.work_done()
    assert wakeup.wait(_LONG) is False


def test_the_end_wakes_it_and_ends_every_pause(wakeup: Wakeup) -> None:
    pausing = threading.Thread(target=wakeup.pause, args=(_LONG,))
    pausing.start()
    wakeup.stop()
    pausing.join(10)
    assert not pausing.is_alive()
    assert wakeup.wait(_LONG) is False
    assert wakeup.stopped


_OWN = "_status/"


class Logged(Protocol):
    """What the fixture `logged` offers."""

    def of(self, event: str) -> list[dict[str, Any]]: ...


@pytest.fixture
def wakeup() -> Iterator[Wakeup]:
    """Stopped at the end, and waited for: a listener that outlives its test logs into the next one."""
    made = Wakeup()
    yield made
    made.stop()
    wait_until(lambda: all(thread.name != "events" for thread in threading.enumerate()))


def _listen(store: EventStore, wakeup: Wakeup, prefix: str = "") -> None:
    settings = Settings(
        s3_endpoint=store.endpoint,
        s3_region="us-east-1",
        s3_access_key=SecretStr("key"),
        s3_secret_key=SecretStr("secret"),
        prefix=(prefix,),
    )
    EventListener(settings, wakeup, prefix + _OWN).start()


def test_a_change_in_the_bucket_asks_for_a_listing(wakeup: Wakeup) -> None:
    with EventStore() as store:
        _listen(store, wakeup)
        store.events.put(created("cars/2/model.onnx"))
        assert wakeup.wait(_LONG) is True


@pytest.mark.parametrize("prefix", ["", "team/"])
def test_what_the_sidecar_writes_itself_is_no_news(wakeup: Wakeup, prefix: str) -> None:
    with EventStore() as store:
        _listen(store, wakeup, prefix)
        store.events.put(created(f"{prefix}_status/model-sync.json"))
        store.events.put(b'{"Records": null}\n')  # a sign of life
        wait_until(store.events.empty)
        assert wakeup.wait(0.1) is False
        store.events.put(created(f"{prefix}cars/2/model.onnx"))
        assert wakeup.wait(_LONG) is True


def test_after_a_stream_that_lived_the_bucket_is_listed_and_another_is_opened(
    wakeup: Wakeup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeup_module, "_FIRST_PAUSE", 0.01)
    with EventStore() as store:
        _listen(store, wakeup)
        store.events.put(created("cars/2/model.onnx"))
        assert wakeup.wait(_LONG) is True
        store.events.put(END)
        assert wakeup.wait(_LONG) is True, "an event may have been missed in between"
        store.events.put(created("cars/3/model.onnx"))
        assert wakeup.wait(_LONG) is True
        assert store.asked == 2


def test_a_store_without_events_is_told_once_and_asked_with_growing_pauses(
    wakeup: Wakeup, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    pauses: list[float] = []
    enough = threading.Event()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            enough.set()
            wakeup.stop()

    monkeypatch.setattr(wakeup, "pause", pause)
    with EventStore(status=501) as store:
        _listen(store, wakeup)
        assert enough.wait(_LONG)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    assert store.asked == 8, "one request for each try"
    assert [line["effect"] for line in logged.of("events_unavailable")] == ["changes are found by polling"]
    assert wakeup.wait(0) is False


def test_a_stream_on_which_nothing_comes_is_told_with_what_to_do(
    wakeup: Wakeup, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setattr(wakeup_module, "_KEEP_ALIVE_TIMEOUT", 0.1)
    with EventStore() as store:
        _listen(store, wakeup)
        wait_until(lambda: logged.of("events_unavailable"))
        store.events.put(END)
    assert "POST /v1/sync" in logged.of("events_unavailable")[0]["reason"]
