"""Cards and labels that are small to upload and large to read."""

from pathlib import Path

from attacked_site import WITHIN, attacked_site, model_bytes
from eventually import wait_until

_MERGE_BOMB = "schema: 1\na0: &a0 {k: v}\n" + "\n".join(
    f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}" for level in range(1, 10)
)
_CARDS = {
    "merges": (_MERGE_BOMB.encode(), "has an alias in line 3"),
    "large": (b"schema: 1\ndescription: " + b"x" * 1_000_000, "bytes"),
    "deep": (b"[" * 60_000, "is not valid YAML"),
    "labels": (b"schema: 1\noutput: {labels: labels.txt}\n", "labels"),
}


def test_a_card_that_is_too_much_concerns_its_own_model(tmp_path: Path) -> None:
    with attacked_site(tmp_path) as site:
        for name, (card, _) in _CARDS.items():
            site.put(f"{name}/labels.txt", b"\n" * 5_000_000)
            site.put(f"{name}/model.yaml", card)
            site.put(f"own-{name}/labels.txt", b"\n" * 5_000_000)
            site.upload(name, 1, {"model.onnx": model_bytes(5.0)})
            site.upload(f"own-{name}", 1, {"model.onnx": model_bytes(5.0), "model.yaml": card})
        for name, (_, sentence) in _CARDS.items():
            assert sentence in site.rejection(name)
            assert sentence in site.rejection(f"own-{name}")


def test_an_edit_that_does_not_fit_what_serves_is_refused_and_a_removed_card_goes(tmp_path: Path) -> None:
    with attacked_site(tmp_path) as site:
        site.put("mine/model.yaml", b"schema: 1\noutput: {labels: [a, b, c, d]}\n")
        site.upload("mine", 1, {"model.onnx": model_bytes(5.0)})
        site.serving("mine")
        assert site.card("mine")["output"]["labels"] == ["a", "b", "c", "d"]
        site.put("mine/model.yaml", b"schema: 1\noutput: {labels: [a, b]}\n")
        site.until("mine", "the card has 2 labels, but the model gives 4 values")
        assert site.card("mine")["output"]["labels"] == ["a", "b", "c", "d"]
        site.put("mine/model.yaml", b"schema: 1\nserving: {shape: '(1,5)'}\n")
        site.until("mine", "the earlier card holds")
        assert site.answer("mine") == 5.0
        site.put("mine/model.yaml", b"schema: 1\noutput: {labels: [e, f, g, h]}\n")
        site.until("mine", "")
        assert site.card("mine")["output"]["labels"] == ["e", "f", "g", "h"]
        site.remove("mine/model.yaml")
        wait_until(lambda: site.card("mine") == {}, within=WITHIN)
