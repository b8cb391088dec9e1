"""From a listing to what the bucket offers: models, their versions, their files. Pure.

The catalog says what is there, not whether it is good: the upload gate, verification and preflight decide
that.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

from model_sync.bucket.keys import (
    CARD_NAME,
    CHECKSUMS_NAME,
    Misplaced,
    ModelFile,
    VersionFile,
    collision,
    interpret_key,
    is_version_name,
    quoted,
)
from model_sync.bucket.recognise import (
    folder_problem,
    loose_notices,
    misnamed_notices,
    no_etag_notice,
    partner_missing,
)

_MAX_NOTICES = 20
_DIGEST = re.compile(r"[0-9a-fA-F]{32}(?:-\d{1,5})?")
"""An ETag that is the MD5 of the object, or of the MD5s of its parts."""


class ListedObject(NamedTuple):
    """One entry of a listing; `problem` says why it cannot be mirrored as it is listed."""

    key: str
    size: int
    etag: str
    """Empty when the store gives none that tells one state of the object from another."""
    modified: float
    """The store's time in Unix seconds; 0.0: it gives none."""
    problem: str | None = None


class UploadObject(NamedTuple):
    """An object as a file of a version; `path` is relative to the version's folder."""

    path: str
    key: str
    size: int
    etag: str
    modified: float

    @property
    def state(self) -> str:
        """What changes with the content, as far as the store tells: a digest as ETag, else the date, too."""
        return self.etag if _DIGEST.fullmatch(self.etag) else f"{self.etag}@{self.modified}"


@dataclass(frozen=True)
class Upload:
    """One version folder in the bucket. `bucket_version` is its name: a number, `latest`, or something else.

    `problem` is set when it can never be served as it is; it says what to change.
    """

    model: str
    bucket_version: str
    files: tuple[UploadObject, ...]
    checksums: UploadObject | None = None
    problem: str | None = None

    @cached_property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def modified(self) -> float:
        """Store time of the newest object, Unix seconds."""
        return max((file.modified for file in self.files), default=0.0)

    @cached_property
    def fingerprint(self) -> str:
        """Identity of the content: changes when any file's name, size or ETag does.

        SHA256SUMS is left out: adding it to a served version changes nothing that is served.
        """
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.path}\0{file.size}\0{file.state}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]

    @cached_property
    def partner_missing(self) -> str | None:
        """What its files still lack to be a model; None when nothing by name."""
        return partner_missing(file.path for file in self.files)

    @property
    def upload_id(self) -> str:
        """Identity of the upload: content and SHA256SUMS; a rejection holds for it."""
        return self.fingerprint if self.checksums is None else f"{self.fingerprint}+{self.checksums.state}"


@dataclass(frozen=True)
class ListedModel:
    """A model's folder in the bucket; `loose` are the files directly in it, the card among them."""

    name: str
    versions: Mapping[str, Upload]
    loose: Mapping[str, UploadObject]

    @cached_property
    def notices(self) -> Sequence[str]:
        """What a person should know of files that are not where, or not called as, they would be read."""
        notices = list(loose_notices(self.name, self.loose, self.versions))
        notices += misnamed_notices(self.name, self.loose)
        for name, upload in self.versions.items():
            paths = {file.path for file in upload.files} | ({CHECKSUMS_NAME} if upload.checksums else set())
            notices += misnamed_notices(f"{self.name}/{name}", {path for path in paths if "/" not in path})
        return notices

    @property
    def card(self) -> UploadObject | None:
        """The card that holds for versions without one of their own."""
        return self.loose.get(CARD_NAME)


@dataclass(frozen=True)
class Catalog:
    """Everything one complete listing told."""

    models: Mapping[str, ListedModel] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    objects: int = 0


def build_catalog(
    listing: Iterable[ListedObject], prefix: str = "", before: Catalog | None = None
) -> Catalog:
    """The catalog of a complete listing; consumes it as a stream. Errors of the listing pass through.

    What did not change since `before` is taken from there, so that a poll of a large bucket holds its
    objects in memory once, and knows their fingerprints already.
    """
    draft, count = _Draft(before or Catalog(), prefix), 0
    notices: dict[str, None] = {}
    without_etag: list[ListedObject] = []
    for listed in listing:
        count += 1
        meaning = interpret_key(listed.key, prefix)
        if isinstance(meaning, Misplaced):
            if len(notices) < _MAX_NOTICES:
                notices[meaning.advice] = None
        elif isinstance(meaning, ModelFile):
            draft.loose.setdefault(meaning.model, {})[meaning.name] = UploadObject(meaning.name, *listed[:4])
        elif isinstance(meaning, VersionFile):
            draft.add(meaning, listed)
            if not listed.etag:
                without_etag.append(listed)
    if without_etag:
        first = next((one for one in without_etag if not one.modified), without_etag[0])
        notices[no_etag_notice(first.key, len(without_etag), dated=bool(first.modified))] = None
    models = draft.models()
    told = (*notices, *(notice for model in models.values() for notice in model.notices))
    return Catalog(models, told[:_MAX_NOTICES], count)


def combined(catalogs: Mapping[str, Catalog]) -> Catalog:
    """One catalog of the listings of several prefixes: of two models of one name, the first listed holds."""
    if len(catalogs) == 1:
        return next(iter(catalogs.values()))
    models: dict[str, ListedModel] = {}
    home: dict[str, str] = {}
    notices: list[str] = []
    for prefix, catalog in catalogs.items():
        notices += catalog.notices
        for name, model in catalog.models.items():
            models.setdefault(name, model)
            first = home.setdefault(name, prefix)
            if first != prefix:
                where = f"it lies under both {quoted(first)} and {quoted(prefix)}"
                notices.append(f"{name}: {where}; the one under {quoted(first)} is used")
    objects = sum(catalog.objects for catalog in catalogs.values())
    return Catalog(dict(sorted(models.items())), tuple(notices[:_MAX_NOTICES]), objects)


class _Draft:
    """A catalog in the making. Listings are in order, so a version is whole when the next one begins."""

    def __init__(self, before: Catalog, prefix: str) -> None:
        self._prefix = prefix
        self.loose: dict[str, dict[str, UploadObject]] = {}
        self._before = before
        self._versions: dict[str, dict[str, Upload]] = {}
        self._folder = ("", "")
        self._files: list[UploadObject] = []
        self._problem: str | None = None

    def add(self, meaning: VersionFile, listed: ListedObject) -> None:
        if self._folder != (meaning.model, meaning.version):
            self._close()
            self._folder = (meaning.model, meaning.version)
        self._files.append(UploadObject(meaning.path, *listed[:4]))
        self._problem = self._problem or meaning.problem
        if listed.problem is not None:
            self._problem = self._problem or f"key {quoted(listed.key)} cannot be mirrored: {listed.problem}"

    def models(self) -> dict[str, ListedModel]:
        self._close()
        models = {}
        for name in sorted(self._versions.keys() | self.loose.keys()):
            versions = dict(sorted(self._versions.get(name, {}).items()))
            for folder, upload in versions.items():
                if not is_version_name(folder):
                    paths = [file.path for file in upload.files]
                    problem = folder_problem(name, folder, paths, prefix=self._prefix, taken=versions)
                    versions[folder] = replace(upload, problem=problem)
            model = ListedModel(name, versions, self.loose.get(name, {}))
            known = self._before.models.get(name)
            models[name] = known if known == model else model
        return models

    def _close(self) -> None:
        if not self._files:
            return
        model, bucket_version = self._folder
        known = self._before.models.get(model)
        versions = self._versions.setdefault(model, {})
        begun = versions.get(bucket_version)
        if begun is not None:  # a store that lists in no order came back to it
            self._files += [*begun.files, *([begun.checksums] if begun.checksums else [])]
            self._problem = self._problem or begun.problem
        # a store may list a key twice, such as one that was overwritten between two pages: the newer holds
        entries = {file.path: file for file in sorted(self._files, key=attrgetter("modified"))}
        checksums = entries.pop(CHECKSUMS_NAME, None)
        files = tuple(sorted(entries.values(), key=attrgetter("path")))
        before = known.versions.get(bucket_version) if known else None
        if before is not None and before.files == files and before.checksums == checksums:
            versions[bucket_version] = before
        else:
            problem = self._problem or collision({file.path: file.key for file in files})
            versions[bucket_version] = Upload(model, bucket_version, files, checksums, problem)
        self._files, self._problem = [], None
