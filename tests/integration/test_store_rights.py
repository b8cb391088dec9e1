"""The policy that docs/operations.md gives for the sidecar's keys, on a real MinIO: enough, and no more.

The user is made by the script that the chart runs as a Job.
"""

import io
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from edge_common.errors import FatalError
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.minio_server import ACCESS_KEY, SECRET_KEY
from edge_stack.store.store import BUCKET, StoreKind
from model_sync.settings import Settings
from model_sync.store.object_store import read_small
from model_sync.store.s3_store import S3Bucket

pytestmark = pytest.mark.minio

_ROOT = Path(__file__).parents[2]
_DOCUMENT = _ROOT / "docs" / "operations.md"
_SCRIPT = _ROOT / "helm-chart" / "edge-ai-car-classification" / "files" / "scripts" / "make_store_users.py"
_KEYS = ("sidecar", "secret-of-the-sidecar")


def _documented_policy() -> str:
    text = _DOCUMENT.read_text()
    begin = text.index('{"Version": "2012-10-17"')
    policy, _ = json.JSONDecoder().raw_decode(text[begin:])
    return json.dumps(policy)


def _with_keys_in_files(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in environment.items() if not name.endswith("_KEY")}
    for name in environment.keys() - kept.keys():
        (folder / name).write_text(f"{environment[name]}\n")
        kept[f"{name}_FILE"] = str(folder / name)
    return kept


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[S3Bucket]:
    """The bucket as the sidecar sees it with keys that have the documented policy."""
    with Stack(StackOptions(root=tmp_path / "stack", store=StoreKind.MINIO)) as stack:
        stack.start_store()
        environment = {
            "MODEL_SYNC_S3_ENDPOINT": stack.store.endpoint,
            "MODEL_SYNC_S3_ACCESS_KEY": ACCESS_KEY,
            "MODEL_SYNC_S3_SECRET_KEY": SECRET_KEY,
            "MODEL_SYNC_BUCKET": BUCKET,
            "MODEL_SYNC_CREATE_BUCKET": "true",
            "SERVER_POLICY": _documented_policy(),
            "SERVER_S3_ACCESS_KEY": _KEYS[0],
            "SERVER_S3_SECRET_KEY": _KEYS[1],
        }
        in_files = _with_keys_in_files(environment, tmp_path)
        for variables in (environment, in_files):  # a Job may run again; compose.yaml has keys in files
            subprocess.run([sys.executable, _SCRIPT], env=variables, check=True, timeout=60)
        stack.store.client().put_object(
            bucket_name=BUCKET, object_name="cars/1/model.onnx", data=io.BytesIO(b"model"), length=5
        )
        keys = {"s3_access_key": _KEYS[0], "s3_secret_key": _KEYS[1]}
        yield S3Bucket(
            Settings.model_validate({"s3_endpoint": stack.store.endpoint, "bucket": BUCKET} | keys)
        )


def test_the_documented_policy_is_enough_to_list_read_pin_and_tell_the_status_and_for_no_more(
    bucket: S3Bucket,
) -> None:
    (listed,) = bucket.list_objects()
    assert read_small(bucket, listed, 10) == b"model"
    bucket.put_small("_status/model-sync.json", b"{}", "application/json")
    bucket.remove("_status/model-sync.json")
    bucket.put_small("cars/pin.yaml", b"version: 1", "application/yaml")
    bucket.remove("cars/pin.yaml")
    with pytest.raises(FatalError, match="not allowed to write"):
        bucket.put_small("cars/2/model.onnx", b"x", "text/plain")
    with pytest.raises(FatalError, match="not allowed to remove"):
        bucket.remove("cars/1/model.onnx")
    assert [one.key for one in bucket.list_objects()] == ["cars/1/model.onnx"]
