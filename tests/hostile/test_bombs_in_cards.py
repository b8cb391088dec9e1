"""Cards and labels that are small to upload and large to read."""

from pathlib import Path

from attacked_site import attacked_site, model_bytes

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
