"""Has MinIO call its webhook 1 about every change in the bucket; waits for store and bucket to be there.

Settings are those of model-sync. Exit code 75 when the store did not take it: the Job tries again.
"""

import sys
import time
from os import environ

from minio import Minio
from minio.error import MinioException
from minio.notificationconfig import NotificationConfig, QueueConfig
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

TRY_AGAIN = 75
CHANGES = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]

scheme, _, host = environ["MODEL_SYNC_S3_ENDPOINT"].partition("://")
bucket = environ["MODEL_SYNC_BUCKET"]
store = Minio(
    host,
    environ["MODEL_SYNC_S3_ACCESS_KEY"],
    environ["MODEL_SYNC_S3_SECRET_KEY"],
    secure=scheme == "https",
    # A first packet may be lost while network policies of a new pod take hold; that would cost two minutes.
    http_client=PoolManager(timeout=Timeout(connect=3, read=10), retries=False),
)
webhook = NotificationConfig(
    queue_config_list=[QueueConfig(queue="arn:minio:sqs::1:webhook", events=CHANGES)]
)

error: Exception | None = None
for _ in range(60):
    try:
        store.set_bucket_notification(bucket, webhook)
    except (MinioException, HTTPError) as refused:
        error = refused
        time.sleep(2)
    else:
        sys.stdout.write(f"changes in {bucket} are told to the sidecar\n")
        sys.exit(0)
sys.stderr.write(f"the store does not take the events of {bucket}: {error}\n")
sys.exit(TRY_AGAIN)
