"""Signing a version's folder before it is uploaded."""

from pathlib import Path

from edge_common.atomic_files import replace_file

from model_sync.bucket.keys import SIGNATURE_NAME, is_model_name
from model_sync.trust.sign import SigningKey
from model_sync.upload.folder import read_version_folder


def sign_folder(folder: Path, key: Path, certificates: Path | None = None) -> str:
    """Write model.sig over every other file of the version in `folder`; returns the signer's fingerprint.

    `key`, `certificates`: PEM files. Raises RejectedError for a file that cannot be used, and for a folder
    that is no version.
    """
    signing_key, folder = SigningKey(key, certificates), folder.resolve()
    name = folder.name if is_model_name(folder.name) else "model"
    files = read_version_folder(folder, name, "1").files
    digests = {file.path: file.sha256 for file in files if file.path != SIGNATURE_NAME}
    replace_file(folder / SIGNATURE_NAME, signing_key.sign(name, digests))
    return signing_key.fingerprint
