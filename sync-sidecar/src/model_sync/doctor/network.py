"""What `doctor` looks for at the store and at the model server. Each tells what it saw and what to do."""

import json
import os
import re
import socket
import time
import warnings
from email.utils import parsedate_to_datetime
from itertools import islice
from urllib.parse import urlsplit

import urllib3
from edge_common.errors import EdgeError
from edge_common.quantities import format_duration
from edge_common.served_state import RESERVED, VersionState
from urllib3.exceptions import HTTPError, InsecureRequestWarning

from model_sync.bucket.catalog import build_catalog, combined
from model_sync.bucket.keys import quoted
from model_sync.model_server.config import configured_versions
from model_sync.model_server.server_watch import ModelServer
from model_sync.settings import Settings
from model_sync.status.bucket_status import FOLDER
from model_sync.store.s3_address import proxy_for
from model_sync.store.s3_client import connections_to
from model_sync.store.s3_store import S3Bucket
from model_sync.volume.volume import Volume

_MOST_SKEW = 300.0
"""Seconds; S3 refuses requests whose clock is further off than 15 minutes."""
_TIMEOUT = 5.0
_KEY = f"{FOLDER}doctor"


def address(endpoint: str) -> tuple[str, str]:
    """Whether somebody listens there, or at the proxy that leads there."""
    proxy = proxy_for(endpoint, os.environ)
    parts = urlsplit(proxy or endpoint)
    what = endpoint if proxy is None else f"the proxy {parts.hostname}, which leads to {endpoint},"
    setting, there = ("MODEL_SYNC_S3_ENDPOINT", "store") if proxy is None else ("NO_PROXY", "proxy")
    advice = f"check {setting}, that the {there} runs, and what filters the network"
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=_TIMEOUT):
            return f"{what} accepts connections", ""
    except OSError as error:
        return f"{what} cannot be reached: {error.strerror or error}", advice
    except ValueError as error:
        return f"{what} cannot be used: {error}", advice


def clock(endpoint: str) -> tuple[str, str]:
    """How far the store's clock is from ours; its certificate may be anybody's, for only `Date` is read."""
    try:
        with warnings.catch_warnings(action="ignore", category=InsecureRequestWarning):
            pool = connections_to(endpoint, cert_reqs="CERT_NONE", retries=False, timeout=_TIMEOUT)
            answer = pool.request("HEAD", endpoint)
        there = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (HTTPError, KeyError, ValueError) as error:
        return f"the store does not tell its time ({type(error).__name__})", ""
    skew = abs(time.time() - there)
    advice = "correct the clock of this machine or of the store (NTP)" if skew > _MOST_SKEW else ""
    return f"differs from the store's by {format_duration(skew)}", advice


def listing(bucket: S3Bucket, settings: Settings) -> tuple[str, str]:
    """Whether the bucket can be listed; a HEAD would not tell wrong credentials from a missing right."""
    for prefix in settings.prefix:
        list(islice(bucket.list_objects(prefix), 1))
    return f"'{bucket.name}' exists and may be listed", ""


def models(bucket: S3Bucket, settings: Settings) -> tuple[str, str]:
    """Whether what lies in the bucket has names that mean models and versions."""
    catalog = combined({p: build_catalog(bucket.list_objects(p), p) for p in settings.prefix})
    versions = sum(len(model.versions) for model in catalog.models.values())
    problems = [v.problem for model in catalog.models.values() for v in model.versions.values() if v.problem]
    problems += catalog.notices
    seen = f"{catalog.objects} objects, {len(catalog.models)} models, {versions} versions"
    if problems:
        others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return seen, f"{problems[0]}{others}"
    if not versions:
        return seen, "upload a model to <model>/<version>/, or check MODEL_SYNC_BUCKET and MODEL_SYNC_PREFIX"
    return seen, ""


def status_object(bucket: S3Bucket, settings: Settings) -> tuple[str, str]:
    """Whether the state can be told in the bucket, beside the models."""
    if settings.status_to_bucket == "off":
        return "switched off", ""
    try:
        bucket.put_small(settings.home_prefix + _KEY, b"", "text/plain")
        bucket.remove(settings.home_prefix + _KEY)
    except EdgeError as error:
        advice = "grant s3:PutObject and s3:DeleteObject on _status/*, or set MODEL_SYNC_STATUS_TO_BUCKET=off"
        return str(error).partition(";")[0], advice
    return "may be written, so that uploaders see the state at the bucket's console", ""


def served_folder(url: str, volume: Volume) -> tuple[str, str]:
    """Whether the server serves what config.json lists, and nothing else; raises RetryableError when away."""
    served = ModelServer(url).served()
    configured = configured_versions(volume.load_config() or b"")
    seen = f"{url} answers and knows {len(served)} models"
    advice = (
        f"start it with --config_path {volume.config_path}, and mount the volume at {volume.root} there too"
    )
    held = (name for name, versions in served.items() if set(versions.values()) - {VersionState.END})
    foreign = [name for name in held if not name.startswith(RESERVED) and name not in configured]
    if foreign:
        return f"{seen}, but config.json does not list {quoted(min(foreign))} that it serves", advice
    unseen = [name for name in configured if not served.get(name)]
    if unseen:
        return f"{seen}, but no version of {quoted(min(unseen))}, which config.json lists", advice
    return seen, ""


def runtime(url: str, here: str) -> tuple[str, str]:
    """Whether the server has the OpenVINO release that preflight has, which is `here`.

    The release is year and number (2026.2); the server tells its own version, which is that of its OpenVINO.
    """
    try:
        answer = urllib3.request("GET", f"{url.rstrip('/')}/v2", timeout=_TIMEOUT, retries=False)
        there = str(json.loads(answer.data)["version"])
    except (HTTPError, ValueError, KeyError, TypeError):
        return f"preflight has OpenVINO {here}; the server does not tell its version", ""
    release = re.match(r"(20\d\d)\.(\d+)", there)
    ours = re.match(r"(20\d\d)\.(\d+)", here)
    if release is None or ours is None:
        return f"preflight has OpenVINO {here}; the server says {quoted(there)}, which tells no release", ""
    told = f"the server has OpenVINO {there}, preflight {here.partition('-')[0]}"
    if release[0] == ours[0]:
        return told, ""
    advice = (
        f"install openvino=={release[0]}.* for the sidecar, or build the server's image on a model_server of "
        f"{ours[0]} (OVMS_IMAGE for build.sh)"
    )
    return f"{told}: what loads here may not load there", advice
