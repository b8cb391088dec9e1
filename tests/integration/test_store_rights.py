"""The policy that docs/operations.md gives for the sidecar's keys, on a real MinIO: enough, and no more."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_common.errors import FatalError
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.minio_server import ACCESS_KEY, SECRET_KEY
from edge_stack.store.store import BUCKET, StoreKind
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider
from model_sync.settings import Settings
from model_sync.store.object_store import read_small
from model_sync.store.s3_store import S3Bucket

pytestmark = pytest.mark.minio

_DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
_KEYS = ("sidecar", "secret-of-the-sidecar")


def _documented_policy() -> str:
    text = _DOCUMENT.read_text()
    begin = text.index('{"Version": "2012-10-17"')
    policy, _ = json.JSONDecoder().raw_decode(text[begin:])
    return json.dumps(policy)


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[S3Bucket]:
    """The bucket as the sidecar sees it with keys that have the documented policy."""
    policy = tmp_path / "policy.json"
    policy.write_text(_documented_policy())
    with Stack(StackOptions(root=tmp_path / "stack", store=StoreKind.MINIO)) as stack:
        stack.start_store()
        owner = stack.store.client()
        if not owner.bucket_exists(bucket_name=BUCKET):
            owner.make_bucket(bucket_name=BUCKET)
        owner.put_object(
            bucket_name=BUCKET, object_name="cars/1/model.onnx", data=io.BytesIO(b"model"), length=5
        )
        host = stack.store.endpoint.removeprefix("http://")
        admin = MinioAdmin(endpoint=host, credentials=StaticProvider(ACCESS_KEY, SECRET_KEY), secure=False)
        admin.policy_add("sidecar", policy_file=str(policy))
        admin.user_add(*_KEYS)
        admin.attach_policy(["sidecar"], user=_KEYS[0])
        keys = {"s3_access_key": _KEYS[0], "s3_secret_key": _KEYS[1]}
        yield S3Bucket(
            Settings.model_validate({"s3_endpoint": stack.store.endpoint, "bucket": BUCKET} | keys)
        )


def test_the_documented_policy_is_enough_to_list_read_and_tell_the_status_and_for_no_more(
    bucket: S3Bucket,
) -> None:
    (listed,) = bucket.list_objects()
    assert read_small(bucket, listed, 10) == b"model"
    bucket.put_small("_status/model-sync.json", b"{}", "application/json")
    bucket.remove("_status/model-sync.json")
    with pytest.raises(FatalError, match="not allowed to write"):
        bucket.put_small("cars/2/model.onnx", b"x", "text/plain")
    with pytest.raises(FatalError, match="not allowed to remove"):
        bucket.remove("cars/1/model.onnx")
    assert [one.key for one in bucket.list_objects()] == ["cars/1/model.onnx"]
