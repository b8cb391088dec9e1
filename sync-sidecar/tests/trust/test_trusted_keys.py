from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from model_sync.trust.trusted_keys import TrustedKeys
from signing_keys import MadeCertificate, MadeKey


def test_the_folder_is_read_again_when_it_changes(tmp_path: Path) -> None:
    keys = TrustedKeys(tmp_path / "keys")
    (problem,) = keys.read().problems
    assert problem.endswith("cannot be read: No such file or directory")
    file = MadeKey(tmp_path).trust(keys.folder)
    first = keys.read()
    assert [key.name for key in first.keys] == ["build.pem"]
    assert keys.read() is first
    MadeKey(tmp_path).trust(keys.folder, "second.pem")
    assert [key.name for key in keys.read().keys] == ["build.pem", "second.pem"]
    file.unlink()
    assert [key.name for key in keys.read().keys] == ["second.pem"]


def test_a_secret_that_kubernetes_swaps_is_followed(tmp_path: Path) -> None:
    made = MadeKey(tmp_path)
    for number, name in enumerate(("one.pem", "two.pem")):
        made.trust(tmp_path / "keys" / f"..data_{number}" / "site-a", name)
    (tmp_path / "keys/..data").symlink_to("..data_0")
    (tmp_path / "keys/site-a").symlink_to("..data/site-a")
    keys = TrustedKeys(tmp_path / "keys")
    assert [key.name for key in keys.read().keys] == ["site-a/one.pem"]
    (tmp_path / "keys/..new").symlink_to("..data_1")
    (tmp_path / "keys/..new").replace(tmp_path / "keys/..data")
    assert [key.name for key in keys.read().keys] == ["site-a/two.pem"]


def test_what_cannot_be_used_is_said_and_the_rest_holds(tmp_path: Path) -> None:
    made = MadeKey(tmp_path / "keys", "private")
    made.trust(tmp_path / "keys", "good.pem")
    (tmp_path / "keys/junk.pem").write_text("no key")
    (tmp_path / "keys/huge.pem").write_bytes(b"x" * 300_000)
    ed = ed25519.Ed25519PrivateKey.generate().public_key()
    MadeKey(tmp_path, curve=ec.SECP256K1()).trust(tmp_path / "keys", "bitcoin.pem")
    (tmp_path / "keys/ed.pem").write_bytes(ed.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    keyring = TrustedKeys(tmp_path / "keys").read()
    assert [key.name for key in keyring.keys] == ["good.pem"]
    said = {Path(one.split("'")[1]).name: one.partition("cannot be used: ")[2] for one in keyring.problems}
    kind = "its key is of a kind that the format does not have"
    assert {name: sentence[: len(kind)] for name, sentence in said.items()} == {
        "private.key": "it holds a private key, which must not leave its owner"[: len(kind)],
        "junk.pem": "it is no PEM file of a public key or a certificate"[: len(kind)],
        "huge.pem": "it is too large to be a PEM file",
        "ed.pem": kind,
        "bitcoin.pem": kind,
    }


@pytest.mark.parametrize("places", [["cars"], ["site-a/cars", "cars"]])
def test_a_file_may_hold_several_certificates_for_all_models(tmp_path: Path, places: list[str]) -> None:
    pem = b"".join(MadeCertificate(name, authority=True).pem for name in ("one", "two"))
    (tmp_path / "roots.pem").write_bytes(pem)
    assert len(TrustedKeys(tmp_path).read().keys_for(places)) == 2
