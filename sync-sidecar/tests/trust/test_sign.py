from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from edge_common.errors import RejectedError
from model_sync.download.object_download import digest_file
from model_sync.trust.sign import SigningKey
from model_sync.trust.trusted_keys import TrustedKeys
from model_sync.trust.verify import verify
from model_sync.upload.folder import sign_folder, signed_folder
from signing_keys import MadeCertificate, MadeKey


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_signed_folder_holds_and_may_be_signed_again(tmp_path: Path, curve: ec.EllipticCurve) -> None:
    made, folder = MadeKey(tmp_path, curve=curve), tmp_path / "cars"
    made.trust(tmp_path / "trusted")
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"x")
    (folder / "SHA256SUMS").write_text("of before")
    for _ in range(2):
        signer = sign_folder(folder, made.file)
        found = verify(
            (folder / "model.sig").read_bytes(),
            {path.name: digest_file(path) for path in folder.iterdir()},
            TrustedKeys(tmp_path / "trusted").read(),
            ["cars"],
            0.0,
        )
        assert found.signer == signer


def test_what_was_changed_after_it_was_signed_is_told_before_it_is_sent(tmp_path: Path) -> None:
    key, folder = MadeKey(tmp_path / "own").file, tmp_path / "cars"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"x")
    assert [file.path for file in signed_folder(folder, "cars", "1", key).files] == [
        "model.onnx",
        "model.sig",
    ]
    (folder / "labels.txt").write_bytes(b"a")
    with pytest.raises(
        RejectedError, match=r"^'labels\.txt' is not among what was signed; remove it, or sign"
    ):
        signed_folder(folder, "cars", "1")


def test_a_folder_that_is_no_version_is_not_signed(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "v/model.bin").write_bytes(b"x")
    with pytest.raises(RejectedError, match=r"is not a complete model: waiting for the \.xml file"):
        sign_folder(tmp_path / "v", MadeKey(tmp_path).file)
    assert not (tmp_path / "v/model.sig").exists()


def test_a_key_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    made = MadeKey(tmp_path)
    locked = tmp_path / "locked.key"
    form = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    locked.write_bytes(made.private.private_bytes(*form))
    other = tmp_path / "other.pem"
    other.write_bytes(MadeCertificate("other").pem)
    for key, certificates, sentence in (
        (locked, None, "is protected by a password"),
        (other, None, "is no PEM file of that kind"),
        (tmp_path / "none.key", None, r"none\.key cannot be read: No such file"),
        (made.file, other, "is not that of the key"),
        (MadeKey(tmp_path, "koblitz", ec.SECP256K1()).file, None, "of a kind that the format does not have"),
    ):
        with pytest.raises(RejectedError, match=sentence):
            SigningKey(key, certificates)
