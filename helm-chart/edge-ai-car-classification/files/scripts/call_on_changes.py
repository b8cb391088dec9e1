"""Has MinIO call the sidecar about every change in the bucket.

Waits for store, bucket and sidecar to be there. The webhook is kept in the store's own configuration,
which the store takes up by a new start of about a second. Settings are those of model-sync, EVENTS_ENDPOINT
and EVENTS_TOKEN; a key is in a file where NAME_FILE names one. Exit code 75 when the store did not take it:
the Job tries again.
"""

import sys
import time
from os import environ
from pathlib import Path

from minio import Minio, MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException, MinioException
from minio.notificationconfig import NotificationConfig, QueueConfig
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

TRY_AGAIN = 75
CHANGES = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


def secret(name: str) -> str:
    """A key, from the variable or from the file that NAME_FILE names."""
    path = environ.get(f"{name}_FILE")
    return Path(path).read_text().strip() if path else environ[name]


scheme, _, host = environ["MODEL_SYNC_S3_ENDPOINT"].partition("://")
bucket = environ["MODEL_SYNC_BUCKET"]
keys = StaticProvider(secret("MODEL_SYNC_S3_ACCESS_KEY"), secret("MODEL_SYNC_S3_SECRET_KEY"))
# A first packet may be lost while network policies of a new pod take hold; that would cost two minutes.
pool = PoolManager(timeout=Timeout(connect=3, read=20), retries=False)
admin = MinioAdmin(endpoint=host, credentials=keys, secure=scheme == "https", http_client=pool)
store = Minio(host, credentials=keys, secure=scheme == "https", http_client=pool)

webhook = {
    "enable": "on",
    "endpoint": environ["EVENTS_ENDPOINT"],
    "auth_token": secret("EVENTS_TOKEN"),
}
notification = NotificationConfig(
    queue_config_list=[QueueConfig(queue="arn:minio:sqs::1:webhook", events=CHANGES)]
)


def set_webhook() -> None:
    """Make the webhook known to the store, which checks that the sidecar answers, then starts anew."""
    if not store.bucket_exists(bucket):
        raise HTTPError(f"there is no bucket {bucket} yet")
    admin.config_set("notify_webhook:1", webhook)
    admin.service_restart()


def call_on_changes() -> None:
    """Have the bucket's changes told to that webhook."""
    store.set_bucket_notification(bucket, notification)


steps = [set_webhook, call_on_changes]
error: Exception | None = None
for _ in range(60):
    try:
        steps[0]()
    except (MinioException, MinioAdminException, HTTPError) as refused:
        if str(refused) != str(error):  # a change is one line
            sys.stderr.write(f"not yet: {refused}\n")
        error = refused
        time.sleep(2)
        continue
    steps = steps[1:]
    if not steps:
        sys.stdout.write(f"changes in {bucket} are told to the sidecar\n")
        sys.exit(0)
sys.stderr.write(f"the store does not take the events of {bucket}: {error}\n")
sys.exit(TRY_AGAIN)
