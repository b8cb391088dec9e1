"""A version folder on this machine, looked through before it is sent."""

from dataclasses import dataclass
from pathlib import Path

from edge_common.errors import RejectedError

from model_sync.bucket.keys import (
    CHECKSUMS_NAME,
    Ignored,
    Misplaced,
    VersionFile,
    interpret_key,
    is_version_name,
    quoted,
    version_name_advice,
)
from model_sync.bucket.model_formats import partner_missing
from model_sync.download.object_download import digest_file
from model_sync.planning.state import StoredFile, StoredVersion


@dataclass(frozen=True)
class VersionFolder:
    """The files of one version with their digests, and where they belong in the bucket."""

    folder: Path
    model: str
    version: str
    files: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        """As the sidecar's status shows it once the version is on its volume."""
        return StoredVersion(0, self.version, "", self.files, 0.0).digest


def read_version_folder(folder: Path, model: str, version: str) -> VersionFolder:
    """Look through `folder`; raises RejectedError when it cannot become a served version."""
    if not folder.is_dir():
        raise RejectedError(f"{folder} is not a folder; name the folder that holds the version's files")
    if not is_version_name(version):
        raise RejectedError(version_name_advice(version))
    files = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        name = path.relative_to(folder).as_posix()
        meaning = interpret_key(f"{model}/{version}/{name}")
        if isinstance(meaning, Misplaced):
            raise RejectedError(meaning.advice)
        if isinstance(meaning, Ignored) or "/" in model:
            raise RejectedError(
                f"{quoted(model)} cannot be a model's name; names do not begin with '_' or '.'"
            )
        if not isinstance(meaning, VersionFile) or meaning.problem is not None or path.is_symlink():
            reason = meaning.problem if isinstance(meaning, VersionFile) else None
            raise RejectedError(reason or f"{quoted(name)} is not a plain file; copy the file itself there")
        if name != CHECKSUMS_NAME:
            files.append(StoredFile(name, path.stat().st_size, digest_file(path)))
    missing = partner_missing(file.path for file in files)
    if missing is not None:
        raise RejectedError(f"{folder} is not a complete model: {missing}")
    return VersionFolder(folder, model, version, tuple(files))
