import pytest
from edge_common.errors import RejectedError
from model_snapshots import listed_model, upload, upload_object
from model_sync.bucket.catalog import Catalog, ListedModel
from model_sync.bucket.pins import (
    MAX_BYTES,
    ListedPin,
    Pin,
    format_pin,
    parse_pin,
    pin_key,
    pins_after_listing,
)

_PIN = Pin("1", 'it sees "cars": everywhere # not', "Anna", "2026-11-30T05:00:00Z")


def test_a_pin_is_read_back_as_it_was_written() -> None:
    assert parse_pin(format_pin(_PIN)) == _PIN
    assert parse_pin(format_pin(Pin("latest"))) == Pin("latest")


def test_a_pin_written_by_hand_needs_its_version_alone() -> None:
    assert parse_pin(b"version: 7") == Pin("7")
    by_hand = b"version: '7'\nreason: |\n  wrong\n  colours\nat: 2026-11-30 06:00:00+01:00\n"
    assert parse_pin(by_hand) == Pin("7", "wrong colours", at="2026-11-30T05:00:00Z")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"reason: x", "'version'"),
        (b"version: v1", "'v1' is no version"),
        (b"version: 0", "'0' is no version"),
        (b"version: true", "'True' is no version"),
        (b"version: 1.5", "'1.5' is no version"),
        (b"version: [1]", "is no version"),
        (b"version: 1\nversions: 2", "unknown key 'versions'"),
        (b'version: 1\nby: "a\\e[31m"', "control or invisible character"),
        (b"version: 1\nat: yesterday", "'at'"),
        (b"version: 1\nreason: " + b"x" * 301, "'reason'"),
        (b"version: 1\nreason: " + b"x" * MAX_BYTES, "bytes"),
        (b"- 1", "is no pin"),
        (b"a: &x 1\nversion: *x", "an alias"),
        (b"version: [", "not valid YAML"),
        (b"<html></html>", "web page"),
        (b"\x89PNG\r\n\x1a\n\0\0", "pin.yaml"),
    ],
)
def test_what_is_no_pin_is_refused_with_what_to_write(content: bytes, said: str) -> None:
    with pytest.raises(RejectedError) as error:
        parse_pin(content)
    assert said in str(error.value)
    assert "pin.yaml" in str(error.value)


def test_a_pin_lies_beside_what_its_model_has_whatever_the_prefix() -> None:
    file = upload_object("model.onnx")._replace(key="site/m/1/model.onnx")
    version = upload("1")
    versions = {"1": type(version)("m", "1", (file,))}
    assert pin_key(ListedModel("m", versions, {})) == "site/m/pin.yaml"
    card = upload_object("model.yaml")._replace(key="m/model.yaml")
    assert pin_key(ListedModel("m", {}, {"model.yaml": card})) == "m/pin.yaml"


def test_a_pin_ends_when_two_listings_have_its_model_without_it() -> None:
    there = Catalog({"m": listed_model(upload("1"))})
    before = {"m": ListedPin(_PIN, mark="x")}
    once = pins_after_listing(before, {}, there)
    assert once["m"].pin == _PIN
    assert pins_after_listing(once, {}, there) == {}
    assert pins_after_listing(once, before, there) == before


@pytest.mark.parametrize("empty", [Catalog(), Catalog({"m": ListedModel("m", {}, {})})])
def test_an_empty_answer_ends_no_pin(empty: Catalog) -> None:
    pins = {"m": ListedPin(_PIN, mark="x")}
    for _ in range(5):
        pins = pins_after_listing(pins, {}, empty)
    assert pins["m"].pin == _PIN
