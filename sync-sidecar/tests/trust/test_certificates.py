from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from model_sync.planning.evidence import Signature
from model_sync.trust.sign import SigningKey
from model_sync.trust.trusted_keys import TrustedKeys, certificate_fingerprint
from model_sync.trust.verify import UntrustedError, verify
from signing_keys import MadeCertificate

_NOW = datetime(2026, 11, 30, tzinfo=UTC)
_FILES = {"model.onnx": "a" * 64}


def _made(
    name: str, issuer: MadeCertificate | None = None, *, authority: bool = False, signs: bool = True
) -> MadeCertificate:
    return MadeCertificate(name, issuer, authority=authority, signs=signs, at=_NOW)


def _check(
    folder: Path, chain: list[MadeCertificate], trusted: list[MadeCertificate], *, days: float = 0
) -> Signature:
    """The signature by the first of `chain`, so many days from now."""
    (folder / "chain.pem").write_bytes(b"".join(one.pem for one in chain))
    (folder / "keys").mkdir()
    for number, one in enumerate(trusted):
        (folder / f"keys/{number}.pem").write_bytes(one.pem)
    key = chain[0].write_key(folder / "signer.key")
    bundle = SigningKey(key, folder / "chain.pem").sign("cars", _FILES)
    now = (_NOW + timedelta(days=days)).timestamp()
    return verify(bundle, _FILES, TrustedKeys(folder / "keys").read(), ["cars"], now)


def test_a_chain_that_leads_to_a_trusted_authority_holds(tmp_path: Path) -> None:
    root = _made("root", authority=True)
    between = _made("between", root, authority=True)
    signer = _made("signer", between)
    found = _check(tmp_path, [signer, between], [_made("other", authority=True), root])
    assert found == Signature(certificate_fingerprint(signer.certificate), "1.pem")


def test_a_certificate_that_is_itself_trusted_needs_no_authority(tmp_path: Path) -> None:
    signer = _made("signer", _made("root", authority=True))
    assert _check(tmp_path, [signer], [signer]).key == "0.pem"


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        (6, "expired at 2026-12-05 00:00 UTC; .*clock, which says 2026-12-06 00:00, if that is wrong"),
        (
            -6,
            "holds from 2026-11-25 00:00 UTC on, and this machine's clock says 2026-11-24 00:00; set",
        ),
    ],
)
def test_a_certificate_that_does_not_hold_now_says_when_it_does(
    days: float, sentence: str, tmp_path: Path
) -> None:
    root = _made("root", authority=True)
    with pytest.raises(UntrustedError, match=sentence):
        _check(tmp_path, [_made("signer", root)], [root], days=days)


def test_an_authority_that_has_expired_is_named(tmp_path: Path) -> None:
    root = MadeCertificate("root", authority=True, at=_NOW - timedelta(days=30))
    with pytest.raises(UntrustedError, match=certificate_fingerprint(root.certificate)):
        _check(tmp_path, [_made("signer", root)], [root])


def test_a_chain_that_does_not_hold_is_not_trusted(tmp_path: Path) -> None:
    root = _made("root", authority=True)
    impostor = _made("root", authority=True)
    no_authority = _made("between", root)
    for number, (chain, trusted) in enumerate(
        [
            ([_made("signer", root)], []),
            ([_made("signer", root)], [impostor]),
            ([_made("signer", no_authority), no_authority], [root]),
            ([_made("self")], [root]),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(UntrustedError, match="to which no trusted one leads"):
            _check(folder, chain, trusted)


def test_authorities_that_all_signed_each_other_are_given_up_soon(tmp_path: Path) -> None:
    root = _made("root", authority=True)
    first = _made("maze", authority=True)
    maze = [MadeCertificate("maze", first, authority=True, at=_NOW, private=first.private) for _ in range(4)]
    with pytest.raises(UntrustedError, match="to which no trusted one leads"):
        _check(tmp_path, [_made("signer", first), *maze], [root])


def test_a_certificate_that_is_not_for_signing_is_not_trusted(tmp_path: Path) -> None:
    root = _made("root", authority=True)
    with pytest.raises(UntrustedError, match="which is not for signing"):
        _check(tmp_path, [_made("signer", root, signs=False)], [root])
