"""Both ways with the `model_signing` command, in an environment of its own (make model-signing)."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from model_sync.download.object_download import digest_file
from model_sync.planning.evidence import Signature
from model_sync.trust.trusted_keys import TrustedKeys
from model_sync.trust.verify import AlteredError, verify
from model_sync.upload.folder import sign_folder
from signing_keys import MadeCertificate, MadeKey

pytestmark = pytest.mark.model_signing

_PROGRAM = Path(
    os.environ.get("MODEL_SIGNING_BIN", Path(__file__).parents[3] / ".local/model-signing/bin/model_signing")
)


def _run(*arguments: str | Path) -> tuple[int, str]:
    assert _PROGRAM.exists(), f"there is no {_PROGRAM}; make it: make model-signing"
    done = subprocess.run([_PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def _verify(folder: Path, trusted: Path) -> Signature:
    """As the sidecar would."""
    files = (path for path in folder.rglob("*") if path.is_file())
    digests = {path.relative_to(folder).as_posix(): digest_file(path) for path in files}
    now = folder.stat().st_mtime
    return verify((folder / "model.sig").read_bytes(), digests, TrustedKeys(trusted).read(), ["cars"], now)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "cars"
    (made / "more").mkdir(parents=True)
    (made / "model.onnx").write_bytes(b"model")
    (made / "more" / "labels ä.txt").write_bytes(b"labels")
    (made / "SHA256SUMS").write_text("not looked at here\n")
    return made


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=["P-256", "P-384"])
def test_keys(folder: Path, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    made = MadeKey(tmp_path, curve=curve)
    public = made.trust(tmp_path / "trusted")
    signature = folder / "model.sig"

    code, said = _run("sign", "key", folder, "--signature", signature, "--private_key", made.file)
    assert code == 0, said
    assert _verify(folder, tmp_path / "trusted").key == "build.pem"

    signer = sign_folder(folder, made.file)
    assert _verify(folder, tmp_path / "trusted").signer == signer
    code, said = _run("verify", "key", folder, "--signature", signature, "--public_key", public)
    assert code == 0, said

    (folder / "model.onnx").write_bytes(b"other")
    with pytest.raises(AlteredError, match=r"'model\.onnx' is not what was signed"):
        _verify(folder, tmp_path / "trusted")


def test_certificates(folder: Path, tmp_path: Path) -> None:
    root = MadeCertificate("root", authority=True)
    between = MadeCertificate("between", root, authority=True)
    signer = MadeCertificate("signer", between)
    key = signer.write_key(tmp_path / "signer.key")
    (tmp_path / "trusted").mkdir()
    for name, content in (
        ("trusted/root.pem", root.pem),
        ("between.pem", between.pem),
        ("signer.pem", signer.pem),
        ("chain.pem", signer.pem + between.pem),
    ):
        (tmp_path / name).write_bytes(content)
    signature = ("--signature", folder / "model.sig")

    of_theirs = (
        "--signing_certificate",
        tmp_path / "signer.pem",
        "--certificate_chain",
        tmp_path / "between.pem",
    )
    code, said = _run("sign", "certificate", folder, *signature, "--private_key", key, *of_theirs)
    assert code == 0, said
    assert _verify(folder, tmp_path / "trusted").key == "root.pem"

    sign_folder(folder, key, tmp_path / "chain.pem")
    assert _verify(folder, tmp_path / "trusted").key == "root.pem"
    roots = ("--certificate_chain", tmp_path / "trusted/root.pem")
    code, said = _run("verify", "certificate", folder, *signature, *roots)
    assert code == 0, said
