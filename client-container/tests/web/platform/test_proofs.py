"""What a version can show for itself, as the page says it."""

from typing import Any

import pytest
from car_client.web.platform.proofs import proofs
from platform_values import status, version

DIGEST = f"sha256:{'a' * 64}"
SIGNED = {"signer": "sha256:b", "key": "team.pem"}


def said(**facts: Any) -> list[str]:
    told = status({"cars": {"serving": [1], "versions": [version("1", "serving", **facts)]}})
    return proofs(told.models["cars"].versions[0])


def test_a_sidecar_that_tells_nothing_of_it_leaves_nothing_to_say() -> None:
    assert said() == []
    assert said(digest=None, signature=None, acceptance=None, provenance=None) == []


def test_all_of_it_is_told_in_a_line_each() -> None:
    acceptance = {"sentence": "top-1 13 of 14", "pictures": 14}
    origin = {"registry": "mlflow", "name": "cars", "version": "7", "run": "abc"}
    assert said(digest=DIGEST, signature=SIGNED, acceptance=acceptance, provenance=origin) == [
        f"Digest {DIGEST}",
        "Signed by sha256:b, trusted by team.pem",
        "Acceptance: top-1 13 of 14",
        "Says it comes from mlflow: cars version 7, run abc",
    ]


@pytest.mark.parametrize(
    ("signature", "line"),
    [
        ("not signed", "not signed"),
        (SIGNED | {"problem": "the key is gone"}, "Signed by sha256:b, trusted by team.pem; the key is gone"),
        ("\x1b[31m", "\\x1b[31m"),
    ],
)
def test_what_is_to_be_said_of_a_signature_is_said(signature: Any, line: str) -> None:
    assert said(signature=signature) == [line]
