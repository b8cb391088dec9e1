"""What names a model in MLflow: `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `runs:/RUN/PATH`. Pure."""

import re
from dataclasses import dataclass

from edge_common.errors import RejectedError
from model_sync.upload import quoted

_FORMS = "models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN/PATH"
_ALIAS = re.compile(r"models:/([^/@]+)@([^/@]+)")
_VERSION = re.compile(r"models:/([^/@]+)/([1-9][0-9]*)")
_RUN = re.compile(r"runs:/([0-9A-Za-z_-]+)/(.+)")


@dataclass(frozen=True)
class AliasReference:
    """The version of a registered model that an alias, such as `champion`, points at now."""

    name: str
    alias: str


@dataclass(frozen=True)
class VersionReference:
    """One version of a registered model, by MLflow's number."""

    name: str
    version: int


@dataclass(frozen=True)
class RunReference:
    """A folder among the artifacts of a run; nothing is registered."""

    run: str
    path: str


Reference = AliasReference | VersionReference | RunReference


def parse_reference(text: str) -> Reference:
    """The reference that `text` spells; raises RejectedError with the forms there are."""
    if match := _ALIAS.fullmatch(text):
        return AliasReference(match[1], match[2])
    if match := _VERSION.fullmatch(text):
        return VersionReference(match[1], int(match[2]))
    if match := _RUN.fullmatch(text):
        return RunReference(match[1], match[2].strip("/"))
    raise RejectedError(f"{quoted(text)} names no model in MLflow; write {_FORMS}")
