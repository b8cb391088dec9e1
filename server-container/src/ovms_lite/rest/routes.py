"""Which operation a method and a path mean. Pure; the table is OVMS 2026.2.1's."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from urllib.parse import unquote

from ovms_lite.errors import Fault, RequestError
from ovms_lite.repository.find import MAX_VERSION


class Operation(Enum):
    """What a request asks for: name, and the method it takes."""

    CONFIG_STATUS = ("config status", "GET")
    CONFIG_RELOAD = ("config reload", "POST")
    SERVER_METADATA = ("server metadata", "GET")
    LIVE = ("live", "GET")
    READY = ("ready", "GET")
    METRICS = ("metrics", "GET")
    MODEL_METADATA = ("model metadata", "GET")
    MODEL_READY = ("model ready", "GET")
    INFER = ("infer", "POST")
    OPENAI_LIST = ("openai list", "GET")
    OPENAI_MODEL = ("openai model", "GET")
    TFS_STATUS = ("tfs status", "GET")
    TFS_METADATA = ("tfs metadata", "GET")
    TFS_PREDICT = ("tfs predict", "POST")
    TFS_OTHER = ("tfs classify or regress", "POST")
    PREFLIGHT = ("cors preflight", "OPTIONS")

    @property
    def method(self) -> str:
        """The HTTP method it takes; HEAD counts as GET."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Route:
    """An operation on a model, where it concerns one; `version` is None when the path names none."""

    operation: Operation
    model: str = ""
    version: int | None = None


_METHODS = frozenset(("GET", "HEAD", "POST", "OPTIONS"))
_FIXED = {
    "/v1/config": Operation.CONFIG_STATUS,
    "/v1/config/reload": Operation.CONFIG_RELOAD,
    "/v2": Operation.SERVER_METADATA,
    "/v2/health/live": Operation.LIVE,
    "/v2/health/ready": Operation.READY,
    "/metrics": Operation.METRICS,
    "/v3/models": Operation.OPENAI_LIST,
    "/v3/v1/models": Operation.OPENAI_LIST,
}
_VERSION = r"(?:/versions/(?P<version>\d+))?"
_PATTERNS = (
    (re.compile(rf"/v2/models/(?P<model>[^/]+){_VERSION}/infer"), Operation.INFER),
    (re.compile(rf"/v2/models/(?P<model>[^/]+){_VERSION}/ready"), Operation.MODEL_READY),
    (re.compile(rf"/v2/models/(?P<model>[^/]+){_VERSION}/?"), Operation.MODEL_METADATA),
    (re.compile(r"/v3/(?:v1/)?models/(?P<model>.+)"), Operation.OPENAI_MODEL),
    (
        re.compile(rf"/v1/models/(?P<model>[^/:]+)(?:{_VERSION}|/labels/[^/:]+):predict"),
        Operation.TFS_PREDICT,
    ),
    (re.compile(rf"/v1/models/(?P<model>[^/:]+){_VERSION}:(?:classify|regress)"), Operation.TFS_OTHER),
    (
        re.compile(rf"/v1/models/(?P<model>[^/:]+)(?:{_VERSION}|/labels/[^/:]+)/metadata"),
        Operation.TFS_METADATA,
    ),
    (re.compile(rf"/v1/models(?:/(?P<model>[^/:]+)(?:{_VERSION}|/labels/[^/:]+))?"), Operation.TFS_STATUS),
)


_KEPT_LENGTH = 256
"""Of longer paths nothing is kept, so that the kept ones take a megabyte at most."""


def find_route(method: str, target: str) -> Route:
    """The route of a raw path; raises RequestError for an unknown path or a wrong method."""
    return _kept_route(method, target) if len(target) <= _KEPT_LENGTH else _find_route(method, target)


@lru_cache(maxsize=2048)
def _kept_route(method: str, target: str) -> Route:
    return _find_route(method, target)


def _find_route(method: str, target: str) -> Route:
    if method == "OPTIONS":
        return Route(Operation.PREFLIGHT)
    if method not in _METHODS:
        raise RequestError(Fault.METHOD_UNSUPPORTED)
    if ".." in target.split("/"):
        raise RequestError(Fault.PATH_INVALID)
    route = _match(target)
    if method != route.operation.method and (method, route.operation.method) != ("HEAD", "GET"):
        raise RequestError(Fault.METHOD_UNSUPPORTED)
    return route


def _match(target: str) -> Route:
    if target in _FIXED:
        return Route(_FIXED[target])
    for pattern, operation in _PATTERNS:
        match = pattern.fullmatch(target)
        if match is not None:
            parts = match.groupdict()
            version = parts.get("version")
            return Route(
                operation,
                unquote(parts["model"] or "", errors="surrogateescape"),
                None if version is None else _version(version),
            )
    raise RequestError(Fault.URL_INVALID)


def _version(digits: str) -> int:
    """A version number; one that no version can have stands for every number that is too large."""
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= len(str(MAX_VERSION)) else MAX_VERSION + 1
