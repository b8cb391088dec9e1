"""Signing a version's folder before it is uploaded."""

from pathlib import Path

from edge_common.atomic_files import replace_file

from model_sync.bucket.keys import SIGNATURE_NAME, is_model_name
from model_sync.upload.folder import VersionFolder, read_version_folder


def sign_folder(folder: Path, key: Path, certificates: Path | None = None) -> str:
    """Write model.sig over every other file of the version in `folder`; returns the signer's fingerprint.

    `key`, `certificates`: PEM files. Raises RejectedError for a file that cannot be used, and for a folder
    that is no version.
    """
    from model_sync.trust.sign import SigningKey  # noqa: PLC0415 - slow to import, and not always needed

    signing_key, folder = SigningKey(key, certificates), folder.resolve()
    name = folder.name if is_model_name(folder.name) else "model"
    files = read_version_folder(folder, name, "1").files
    digests = {file.path: file.sha256 for file in files if file.path != SIGNATURE_NAME}
    replace_file(folder / SIGNATURE_NAME, signing_key.sign(name, digests))
    return signing_key.fingerprint


def signed_folder(
    folder: Path, model: str, version: str, key: Path | None = None, certificates: Path | None = None
) -> VersionFolder:
    """The version in `folder`, signed first where a `key` is given.

    Raises RejectedError as `sign_folder` does, and for a model.sig that is over other files: whoever trusts
    its signer would reject it.
    """
    if key is not None:
        sign_folder(folder, key, certificates)
    read = read_version_folder(folder, model, version)
    digests = {file.path: file.sha256 for file in read.files}
    if SIGNATURE_NAME in digests:
        from model_sync.trust.bundle import parse_bundle  # noqa: PLC0415 - as above
        from model_sync.trust.verify import hold_against  # noqa: PLC0415

        hold_against(parse_bundle((folder / SIGNATURE_NAME).read_bytes()).payload, digests, "signed")
    return read
