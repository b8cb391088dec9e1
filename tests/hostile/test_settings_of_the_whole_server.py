"""Cards that ask for what would harm every other model on the server."""

from pathlib import Path

from attacked_site import attacked_site, model_bytes

_CARDS = {
    "reserves": (b"plugin_config: {ENABLE_CPU_RESERVATION: true}", "'ENABLE_CPU_RESERVATION' is not allowed"),
    "caches": (b"plugin_config: {CACHE_DIR: /models/good}", "'CACHE_DIR' is not allowed"),
    "streams": (b"plugin_config: {NUM_STREAMS: 100000}", "NUM_STREAMS must be a whole number"),
    "requests": (b"nireq: 100000", "serving.nireq 100000 is more than"),
    "batch": (b"batch_size: 1000000000", "serving.batch_size 1000000000 is more than"),
    "device": (b"target_device: QUANTUM", "serving.target_device 'QUANTUM' is no device"),
    "shape": (b"shape: '(200000000,4)'", "its inputs and outputs take"),
}


def test_a_card_that_asks_too_much_is_rejected_by_name_and_harms_nobody(tmp_path: Path) -> None:
    with attacked_site(tmp_path, PREFLIGHT_MEMORY="4GiB") as site:
        for name, (serving, _) in _CARDS.items():
            card = b"schema: 1\nserving: {" + serving + b"}\n"
            site.upload(name, 1, {"model.onnx": model_bytes(5.0), "model.yaml": card})
        for name, (_, sentence) in _CARDS.items():
            assert sentence in site.rejection(name)
        assert site.answer("good") == 1.0


def test_a_card_of_the_model_that_asks_too_much_leaves_what_serves(tmp_path: Path) -> None:
    with attacked_site(tmp_path) as site:
        site.upload("mine", 1, {"model.onnx": model_bytes(5.0)})
        site.serving("mine")
        site.put("mine/model.yaml", b"schema: 1\nserving: {plugin_config: {ENABLE_CPU_RESERVATION: true}}\n")
        site.upload("mine", 2, {"model.onnx": model_bytes(6.0)})
        assert "'ENABLE_CPU_RESERVATION' is not allowed" in site.rejection("mine", 2)
        assert site.answer("mine") == 5.0
