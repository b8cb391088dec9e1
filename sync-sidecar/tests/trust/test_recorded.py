"""What the `model_signing` command signed holds here; how it was recorded says recorded/README.md."""

from contextlib import suppress
from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from hypothesis import given
from hypothesis import strategies as st
from model_sync.download.object_download import digest_file
from model_sync.trust.bundle import parse_bundle
from model_sync.trust.trusted_keys import TrustedKeys
from model_sync.trust.verify import AlteredError, signing_key, verify

_RECORDED = Path(__file__).parent / "recorded"
_MADE = float((_RECORDED / "made.txt").read_text())
_FILES = {
    path.relative_to(_RECORDED / "model").as_posix(): digest_file(path)
    for path in (_RECORDED / "model").rglob("*")
    if path.is_file()
}


@pytest.fixture
def keys(tmp_path: Path) -> TrustedKeys:
    for name in ("p256.pub", "p384.pub", "root.pem"):
        (tmp_path / name).write_bytes((_RECORDED / name).read_bytes())
    return TrustedKeys(tmp_path)


@pytest.mark.parametrize(
    ("signature", "key"), [("p256", "p256.pub"), ("p384", "p384.pub"), ("chain", "root.pem")]
)
def test_a_signature_of_theirs_holds(signature: str, key: str, keys: TrustedKeys) -> None:
    content = (_RECORDED / f"{signature}.sig").read_bytes()
    found = verify(content, _FILES, keys.read(), ["cars"], _MADE)
    assert (found.key, found.problem) == (key, "")
    without_sums = {path: digest for path, digest in _FILES.items() if path != "SHA256SUMS"}
    assert verify(content, without_sums, keys.read(), ["cars"], _MADE) == found


def test_the_signer_is_named_as_sha256sum_names_the_key(keys: TrustedKeys) -> None:
    found = verify((_RECORDED / "p256.sig").read_bytes(), _FILES, keys.read(), ["cars"], _MADE)
    assert found.signer == "sha256:" + digest_file(_RECORDED / "p256.pub")


@pytest.mark.parametrize("signature", ["p256", "p384", "chain"])
def test_a_file_of_theirs_that_was_changed_is_named(signature: str, keys: TrustedKeys) -> None:
    content = (_RECORDED / f"{signature}.sig").read_bytes()
    with pytest.raises(AlteredError, match=r"^'more/labels\.txt' is not what was signed by sha256:"):
        verify(content, _FILES | {"more/labels.txt": "0" * 64}, keys.read(), ["cars"], _MADE)


@given(one=st.integers(0, 1), place=st.integers(0, 1000), byte=st.integers(0, 255))
def test_no_certificate_does_worse_than_being_rejected(one: int, place: int, byte: int) -> None:
    chain = [bytearray(der) for der in parse_bundle((_RECORDED / "chain.sig").read_bytes()).chain]
    chain[one][place % len(chain[one])] = byte
    with suppress(RejectedError):
        signing_key([bytes(der) for der in chain], TrustedKeys(_RECORDED).read().keys, _MADE)
