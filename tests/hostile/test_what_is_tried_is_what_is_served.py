"""Versions of which the server might read another file than preflight did."""

from pathlib import Path

import pytest
from attacked_site import attacked_site, model_bytes


@pytest.mark.parametrize("preflight", ["on", "off"])
def test_a_version_with_two_models_is_refused_with_both_names(preflight: str, tmp_path: Path) -> None:
    with attacked_site(tmp_path, PREFLIGHT=preflight) as site:
        one = model_bytes(5.0)
        site.upload("two", 1, {"a.onnx": one, "b.onnx": model_bytes(77.0)})
        site.upload("hidden", 1, {"model.onnx": one, ".model.onnx": model_bytes(77.0)})
        site.upload("graph", 1, {"model.onnx": one, "graph.pbtxt": b"node {}"})
        assert "'a.onnx' and 'b.onnx'" in site.rejection("two")
        assert "'.model.onnx' and 'model.onnx'" in site.rejection("hidden")
        assert "graph.pbtxt" in site.rejection("graph")
