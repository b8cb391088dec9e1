"""A version proves itself with its pictures, on this machine, before it replaces what serves."""

import json
from pathlib import Path

import pytest
from edge_common.served_state import available_versions
from edge_stack.stack import Stack
from edge_stack.store.store import BUCKET, StoreKind
from image_models import FLOAT_CARD, float_model, put_version
from made_pictures import COLOURS, jpeg

_WITHIN = 60.0
_WANTED = {"min_top1": 0.9, "max_latency": "60s", "agree_with_served": 0.9}


def _version(root: Path, number: int, *, color: str) -> Path:
    put_version(root, "colours", number, float_model())
    folder = root / "colours" / str(number)
    image = {**FLOAT_CARD["input"], "color": color}  # type: ignore[dict-item]  # a mapping in a card
    (folder / "model.yaml").write_text(json.dumps({**FLOAT_CARD, "input": image, "acceptance": _WANTED}))
    (folder / "acceptance").mkdir()
    for colour in COLOURS:
        (folder / "acceptance" / f"{colour}.jpg").write_bytes(jpeg(colour, size=(24, 24)))
    lines = [f"{colour}.jpg,{colour}\n" for colour in COLOURS]
    (folder / "acceptance" / "expected.csv").write_text("".join(["file,label\n", *lines]))
    return folder


@pytest.mark.parametrize("store_kind", [pytest.param(StoreKind.MINIO, marks=pytest.mark.minio)])
def test_a_good_version_serves_with_its_figures_and_a_worse_one_does_not_replace_it(
    stack: Stack, tmp_path: Path
) -> None:
    stack.push(_version(tmp_path, 1, color="RGB"), model="colours", version=1)
    good = stack.wait_version("colours", 1, "serving", within=_WITHIN)
    assert good["acceptance"]["sentence"].startswith("top-1 3 of 3, top-5 3, ")
    assert good["acceptance"]["not_judged"] == "nothing in service to compare with"

    stack.push(_version(tmp_path, 2, color="BGR"), model="colours", version=2)
    worse = stack.wait_version("colours", 2, "rejected", within=_WITHIN)
    assert "top-1 1 of 3, 3 needed; wrong: red.jpg is 'blue', expected 'red', blue.jpg" in worse["reason"]
    assert "says the same as version 1 in service of 1 of 3, 3 needed" in worse["reason"]
    assert available_versions(stack.served(), "colours") == [1]

    stack.push(_version(tmp_path, 3, color="RGB"), model="colours", version=3)
    better = stack.wait_version("colours", 3, "serving", within=_WITHIN)
    assert (better["acceptance"]["served"], better["acceptance"]["agreed"]) == ("1", 3)
    assert better["acceptance"]["slowdown"] > 0
    assert (stack.folder.volume / "colours" / "3" / "acceptance" / "expected.csv").exists()
    written = stack.store.client().get_object(BUCKET, "_status/model-sync.json").read()
    told = {entry["source"]: entry for entry in json.loads(written)["models"]["colours"]["versions"]}
    assert told["1"]["acceptance"] == good["acceptance"]
