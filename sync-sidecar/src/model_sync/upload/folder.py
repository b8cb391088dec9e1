"""Folders on this machine: a version looked through or signed before it is sent, a model read as a bucket."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_common.atomic_files import replace_file
from edge_common.errors import FatalError, RejectedError

from model_sync.bucket import keys
from model_sync.bucket.catalog import ListedObject
from model_sync.bucket.recognise import partner_missing
from model_sync.download.object_download import digest_file
from model_sync.planning.state import StoredFile, StoredVersion
from model_sync.store.errors import ObjectChangedError
from model_sync.store.object_store import ByteStream, Listed


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
    if not keys.is_version_name(version):
        raise RejectedError(keys.version_name_advice(version))
    files = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if keys.is_dropping(name) or (path.is_dir() and not path.is_symlink()):
            continue
        meaning = keys.interpret_key(f"{model}/{version}/{name}")
        if isinstance(meaning, keys.Misplaced):
            raise RejectedError(meaning.advice)
        if meaning is None or "/" in model:
            raise RejectedError(
                f"{keys.quoted(model)} cannot be a model's name; names do not begin with '_' or '.'"
            )
        if not isinstance(meaning, keys.VersionFile) or meaning.problem is not None or path.is_symlink():
            reason = meaning.problem if isinstance(meaning, keys.VersionFile) else None
            raise RejectedError(
                reason or f"{keys.quoted(name)} is a link or no plain file; copy what it leads to there"
            )
        if name != keys.CHECKSUMS_NAME:
            files.append(StoredFile(name, path.stat().st_size, digest_file(path)))
    missing = partner_missing(file.path for file in files)
    if missing is not None:
        raise RejectedError(f"{folder} is not a complete model: {missing}")
    return VersionFolder(folder, model, version, tuple(files))


def sign_folder(folder: Path, key: Path, certificates: Path | None = None) -> str:
    """Write model.sig over every other file of the version in `folder`; returns the signer's fingerprint.

    `key`, `certificates`: PEM files. Raises RejectedError for a file that cannot be used, and for a folder
    that is no version.
    """
    from model_sync.trust.sign import SigningKey  # noqa: PLC0415 - slow to import, and not always needed

    signing_key, folder = SigningKey(key, certificates), folder.resolve()
    name = folder.name if keys.is_model_name(folder.name) else "model"
    files = read_version_folder(folder, name, "1").files
    digests = {file.path: file.sha256 for file in files if file.path != keys.SIGNATURE_NAME}
    replace_file(folder / keys.SIGNATURE_NAME, signing_key.sign(name, digests))
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
    if keys.SIGNATURE_NAME in digests:
        from model_sync.trust.bundle import parse_bundle  # noqa: PLC0415 - as above
        from model_sync.trust.verify import hold_against  # noqa: PLC0415

        hold_against(parse_bundle((folder / keys.SIGNATURE_NAME).read_bytes()).payload, digests, "signed")
    return read


class FolderStore:
    """Lists the files of one model folder as the objects an upload of it would make; an `ObjectStore`."""

    def __init__(self, model_folder: Path) -> None:
        """`model_folder` is what would be uploaded; its own name is the model's."""
        self._folder = model_folder.resolve()

    def list_objects(self, prefix: str = "") -> Iterator[ListedObject]:
        """Every file below the folder, with keys that begin with the model's name, and with `prefix`."""
        for path in sorted(self._folder.rglob("*")):
            key = path.relative_to(self._folder.parent).as_posix()
            if path.is_file() and key.startswith(prefix):
                status = path.stat()
                yield ListedObject(key, status.st_size, _mark(path), status.st_mtime)

    @contextmanager
    def open_object(
        self, listed: Listed, *, offset: int = 0, length: int | None = None
    ) -> Iterator[ByteStream]:
        """Open the file of `listed` at `offset`; raises ObjectChangedError if it is no longer the listed one.

        `length` is what the reader intends to read; a file costs nothing beyond that.
        """
        del length
        with self._unchanged(listed).open("rb", buffering=0) as file:
            file.seek(offset)
            yield file

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        """Refuse: a check changes nothing."""
        raise FatalError(
            f"{keys.quoted(key)} ({content_type}, {len(content)} bytes) is not written by a check"
        )

    def _unchanged(self, listed: Listed) -> Path:
        path = self._folder.parent / listed.key
        if not path.is_file() or _mark(path) != listed.etag:
            raise ObjectChangedError(f"{keys.quoted(listed.key)} changed while it was checked; check again")
        return path


def _mark(path: Path) -> str:
    """What stands for an ETag: changes with the file, and is not taken for an MD5 digest."""
    status = path.stat()
    return f"{status.st_mtime_ns}-{status.st_size}"
