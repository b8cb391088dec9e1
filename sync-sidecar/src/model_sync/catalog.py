"""From a listing to what the bucket offers: models, their versions, their files. Pure.

The catalog says what is there, not whether it is good: the upload gate, verification and preflight decide
that.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from model_sync.object_names import (
    CARD_NAME,
    CHECKSUMS_NAME,
    Misplaced,
    ModelFile,
    VersionFile,
    interpret_key,
    is_version_name,
    quoted,
    version_name_advice,
)

_MAX_NOTICES = 20


@dataclass(frozen=True)
class ListedObject:
    """One entry of a listing. `modified` is the store's time in Unix seconds."""

    key: str
    size: int
    etag: str
    modified: float


@dataclass(frozen=True)
class RemoteFile:
    """An object as a file of a version; `path` is relative to the version's folder."""

    path: str
    key: str
    size: int
    etag: str
    modified: float


@dataclass(frozen=True)
class RemoteVersion:
    """One version folder in the bucket. `source` is its name there: a number, `latest`, or something else.

    `problem` is set when it can never be served as it is; it says what to change.
    """

    model: str
    source: str
    files: tuple[RemoteFile, ...]
    checksums: RemoteFile | None = None
    problem: str | None = None

    @cached_property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def modified(self) -> float:
        """Store time of the newest object, Unix seconds."""
        newest = [file.modified for file in self.files]
        return max(newest, default=0.0)

    @cached_property
    def fingerprint(self) -> str:
        """Identity of the content: changes when any file's name, size or ETag does.

        SHA256SUMS is left out: adding it to a served version changes nothing that is served.
        """
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.path}\0{file.size}\0{file.etag}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]

    @property
    def upload_mark(self) -> str:
        """Identity of the upload: content and SHA256SUMS; a verdict on an upload holds for its mark."""
        return self.fingerprint if self.checksums is None else f"{self.fingerprint}+{self.checksums.etag}"


@dataclass(frozen=True)
class RemoteModel:
    """A model's folder in the bucket; `loose` are the files directly in it, the card among them."""

    name: str
    versions: Mapping[str, RemoteVersion]
    loose: Mapping[str, RemoteFile]

    @property
    def card(self) -> RemoteFile | None:
        """The card that holds for versions without one of their own."""
        return self.loose.get(CARD_NAME)


@dataclass(frozen=True)
class Catalog:
    """Everything one complete listing told."""

    models: Mapping[str, RemoteModel] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    objects: int = 0


def build_catalog(listing: Iterable[ListedObject], prefix: str = "") -> Catalog:
    """The catalog of a complete listing; consumes it as a stream. Errors of the listing pass through."""
    files: dict[str, dict[str, list[RemoteFile]]] = {}
    loose: dict[str, dict[str, RemoteFile]] = {}
    problems: dict[tuple[str, str], str] = {}
    notices: dict[str, None] = {}
    count = 0
    for listed in listing:
        count += 1
        meaning = interpret_key(listed.key, prefix)
        if isinstance(meaning, Misplaced):
            if len(notices) < _MAX_NOTICES:
                notices[meaning.advice] = None
        elif isinstance(meaning, ModelFile):
            loose.setdefault(meaning.model, {})[meaning.name] = _remote(meaning.name, listed)
        elif isinstance(meaning, VersionFile):
            versions = files.setdefault(meaning.model, {})
            versions.setdefault(meaning.version, []).append(_remote(meaning.path, listed))
            if meaning.problem is not None:
                problems.setdefault((meaning.model, meaning.version), meaning.problem)
    models = {}
    for name in sorted(files.keys() | loose.keys()):
        versions_of_model = {
            source: _version(name, source, entries, problems.get((name, source)))
            for source, entries in sorted(files.get(name, {}).items())
        }
        models[name] = RemoteModel(name, versions_of_model, loose.get(name, {}))
    return Catalog(models, tuple(notices), count)


def _remote(path: str, listed: ListedObject) -> RemoteFile:
    return RemoteFile(path, listed.key, listed.size, listed.etag, listed.modified)


def _version(model: str, source: str, entries: list[RemoteFile], problem: str | None) -> RemoteVersion:
    checksums = next((file for file in entries if file.path == CHECKSUMS_NAME), None)
    files = tuple(sorted((file for file in entries if file is not checksums), key=lambda file: file.path))
    if not is_version_name(source):
        problem = version_name_advice(source)
    return RemoteVersion(model, source, files, checksums, problem or _collision(files))


def _collision(files: tuple[RemoteFile, ...]) -> str | None:
    """The problem of a name that is a file in one key and a folder in another."""
    names = {file.path for file in files}
    for file in files:
        for parent in PurePosixPath(file.path).parents:
            if str(parent) in names:
                return f"key {quoted(file.key)} cannot be mirrored: {quoted(str(parent))} is a file as well"
    return None
