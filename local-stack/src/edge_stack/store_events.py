"""MinIO tells the sidecar about uploads by a webhook: it posts each change to the sidecar's `/v1/sync`.

The sidecar also listens to MinIO's ListenBucketNotification, but releases from November 2025 to at least
February 2026, the one `make minio` builds among them, open that stream and do not flush it: an event arrives
only when later ones have filled 4 KiB (a regression of minio/minio#21651; measured on the February release).
"""

from collections.abc import Mapping

from edge_common.errors import RetryableError
from minio import Minio
from minio.error import MinioException
from minio.notificationconfig import NotificationConfig, QueueConfig
from urllib3.exceptions import HTTPError

_TARGET = "1"
_CHANGES = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


def webhook_environment(url: str | None) -> Mapping[str, str]:
    """Variables that make MinIO know the webhook `url`; it is called only where `call_on_changes` says so."""
    if url is None:
        return {}
    return {
        f"MINIO_NOTIFY_WEBHOOK_ENABLE_{_TARGET}": "on",
        f"MINIO_NOTIFY_WEBHOOK_ENDPOINT_{_TARGET}": url,
    }


def call_on_changes(client: Minio, bucket: str) -> None:
    """From now on every change in `bucket` calls the webhook; raises RetryableError when that is refused."""
    queue = QueueConfig(queue=f"arn:minio:sqs::{_TARGET}:webhook", events=_CHANGES)
    _configure(client, bucket, NotificationConfig(queue_config_list=[queue]))


def call_no_more(client: Minio, bucket: str) -> None:
    """The opposite of `call_on_changes`; raises the same."""
    _configure(client, bucket, NotificationConfig())


def _configure(client: Minio, bucket: str, config: NotificationConfig) -> None:
    try:
        client.set_bucket_notification(bucket, config)
    except (MinioException, HTTPError) as error:
        raise RetryableError(f"the store does not take the events of {bucket}: {error}") from error
