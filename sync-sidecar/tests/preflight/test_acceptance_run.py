"""Acceptance pictures, tried by the real child on real models, in turn with the version in service."""

import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from edge_common.card_file import parse_card
from edge_common.errors import RejectedError
from hand_executors import AtOnce
from made_pictures import COLOURS, encoded, jpeg, plain
from memory_store import MemoryStore
from model_sync.bucket.catalog import build_catalog
from model_sync.bucket.evidence_files import ExpectedLabel
from model_sync.cards.cards import EffectiveCard
from model_sync.download.staging import Staging
from model_sync.gate.evidence import Published
from model_sync.gate.gate import Gate, Incoming
from model_sync.planning.evidence import AcceptanceFigures, Evidence, OtherAnswer
from model_sync.planning.state import DAMAGED, ModelState, State, StoredFile, StoredVersion
from model_sync.preflight.acceptance_run import run_acceptance
from model_sync.preflight.check import AcceptancePictures, VersionInService
from model_sync.preflight.loaded_model import LoadedModel
from model_sync.preflight.pool import WarmPreflight
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.volume import Volume
from sync_models import write_colour_classifier

_CARD = (
    "{{schema: 1, input: {{color: {color}}}, output: {{labels: [red, green, blue]}}, acceptance: {wanted}}}"
)
_EXPECTED = b"file,label\nred.jpg,red\ngreen.jpg,green\nblue.jpg,blue\n"
_PICTURES = {f"1/acceptance/{colour}.jpg": jpeg(colour) for colour in COLOURS}


def _card(wanted: str = "{}", *, color: str = "RGB") -> bytes:
    return _CARD.format(color=color, wanted=wanted).encode()


def _served(root: Path, *, labelled: bool = True, version: StoredVersion | None = None) -> Published:
    """A volume on which the colour classifier serves as version 3 of cars."""
    root.mkdir()
    volume = Volume(root)
    volume.prepare()
    write_colour_classifier(volume.version_folder("cars", 3))
    card = EffectiveCard(parse_card(b"schema: 1", "model.yaml"), tuple(COLOURS) if labelled else None)
    volume.save_card("cars", 3, card.to_json())
    stored = version or StoredVersion(3, "3", "content", (), 0.0)
    state = ModelState(stored={3: stored}, configured=(3,), confirmed=(3,))
    return Published(volume, RecordedState(volume, State({"cars": state})))


def _try(
    root: Path, beside: dict[str, bytes], published: Published | None = None, *, here: bool = True
) -> AcceptanceFigures | None:
    """Try the colour classifier as cars/1, with the objects `beside` it in the bucket."""
    store, model_folder = MemoryStore(), root / "model"
    if not model_folder.exists():
        write_colour_classifier(model_folder)
    for path in model_folder.iterdir():
        store.put(f"cars/1/{path.name}", path.read_bytes())
    for key, content in beside.items():
        store.put(f"cars/{key}", content)
    model = build_catalog(store.list_objects()).models["cars"]
    with WarmPreflight(timeout=60, memory=8 * 1024**3) as preflight:
        gate = Gate(store, AtOnce(), preflight, published=published, serves_here=here)
        staged = gate.admit(Incoming(model, model.versions["1"], Staging(root / "staging")))
    return staged.evidence.acceptance


def _upload(card: bytes) -> dict[str, bytes]:
    return {"1/model.yaml": card, "1/acceptance/expected.csv": _EXPECTED, **_PICTURES}


def test_a_version_that_is_good_enough_is_staged_with_its_figures(tmp_path: Path) -> None:
    wanted = "{min_top1: 1, min_top5: 1, max_latency: 60s, max_slowdown: 10000, agree_with_served: 1}"
    figures = _try(tmp_path, _upload(_card(wanted)), _served(tmp_path / "served"))
    assert figures is not None
    assert figures.latency_ms is not None
    assert figures.served_latency_ms is not None
    without_times = replace(figures, latency_ms=None, served_latency_ms=None)
    assert without_times == AcceptanceFigures(pictures=3, top1=3, top5=3, served="3", agreed=3)


def test_what_no_threshold_asks_for_is_recorded_and_where_nothing_serves_times_say_nothing(
    tmp_path: Path,
) -> None:
    figures = _try(tmp_path, _upload(_card("{max_latency: 0.0000001}", color="BGR")), here=False)
    assert figures is not None
    assert (figures.top1, figures.not_judged) == (1, "nothing in service to compare with")
    assert figures.wrong == (OtherAnswer("red.jpg", "blue", "red"), OtherAnswer("blue.jpg", "red", "blue"))


def test_a_version_that_answers_worse_is_rejected_with_the_pictures_that_show_it(tmp_path: Path) -> None:
    wanted = "{min_top1: 0.9, max_latency: 0.0000001, agree_with_served: 0.5}"
    sentence = (
        r"top-1 1 of 3, 3 needed; wrong: red.jpg is 'blue', expected 'red', blue.jpg is 'red', expected "
        r"'blue'; says the same as version 3 in service of 1 of 3, 2 needed; different: red.jpg is 'blue', "
        r"3 says 'red'.*; one inference takes .* ms here, at most 0.0001 ms wanted"
    )
    with pytest.raises(RejectedError, match=sentence):
        _try(tmp_path, _upload(_card(wanted, color="BGR")), _served(tmp_path / "served"))


def test_content_that_is_on_the_volume_comes_back_whatever_its_card_asks_for(tmp_path: Path) -> None:
    card, model = _card("{min_top1: 1}"), write_colour_classifier(tmp_path / "model")
    files = {path.name: path.read_bytes() for path in model.iterdir()} | {"model.yaml": card}
    stored = [StoredFile(name, len(content), sha256(content).hexdigest()) for name, content in files.items()]
    earlier = AcceptanceFigures(pictures=3, top1=3, top5=3)
    version = StoredVersion(3, "1", DAMAGED, tuple(stored), 0.0, Evidence(acceptance=earlier))
    assert _try(tmp_path, {"1/model.yaml": card}, _served(tmp_path / "served", version=version)) == earlier


def _ask(
    root: Path,
    served: VersionInService | None = None,
    *,
    wanted: str = "{}",
    picture: bytes = jpeg("red"),
    used: int = 0,
) -> dict[str, Any]:
    """Ask the colour classifier of one picture, in this process."""
    tree = write_colour_classifier(root / "new")
    (tree / "acceptance").mkdir()
    (tree / "acceptance" / "red.jpg").write_bytes(picture)
    card = EffectiveCard(parse_card(_card(wanted), "model.yaml"), tuple(COLOURS))
    pictures = AcceptancePictures(tree / "acceptance", (ExpectedLabel("red.jpg", "red"),), card, served)
    model = LoadedModel.load(tree, {}, 2**30)
    return run_acceptance(model, pictures.as_request(), allowance=2**30, used=used)


@pytest.mark.parametrize("harm", ["gone", "no labels"])
def test_what_is_wrong_with_the_version_in_service_is_not_held_against_the_new_one(
    tmp_path: Path, harm: str
) -> None:
    served = _served(tmp_path / "served", labelled=harm != "no labels").in_service("cars")
    if harm == "gone" and served is not None:
        shutil.rmtree(served.folder)
    run = _ask(tmp_path, served, wanted="{min_top1: 1, agree_with_served: 1}")
    assert run["not_compared"].startswith("the version in service cannot be asked here: ")
    assert (run["answers"][0]["place"], run["served_seconds"]) == (0, ())


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (b"no", "the acceptance picture red.jpg is not a picture"),
        (encoded(plain("red", size=(8000, 8000))), "picture red.jpg has 8000x8000 pixels; at most"),
    ],
)
def test_a_picture_that_is_none_is_rejected_with_a_sentence(
    tmp_path: Path, picture: bytes, sentence: str
) -> None:
    with pytest.raises(RejectedError, match=sentence):
        _ask(tmp_path, picture=picture)


def test_where_memory_is_short_only_a_card_that_asks_for_a_comparison_is_rejected(tmp_path: Path) -> None:
    served = _served(tmp_path / "served").in_service("cars")
    run = _ask(tmp_path / "1", served, used=2**30)
    assert run["not_compared"] == "not compared with the version in service, for want of memory"
    with pytest.raises(RejectedError, match=r"both together need more than the 1\.0 GiB of memory"):
        _ask(tmp_path / "2", served, wanted="{agree_with_served: 1}", used=2**30)
