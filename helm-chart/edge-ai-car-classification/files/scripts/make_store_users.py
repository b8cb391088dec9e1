"""Makes the bucket, and users of MinIO that may do what sidecar and client need, and no more.

Settings are those of model-sync, with the administrator's keys, and for each component its keys and policy:
SERVER_S3_ACCESS_KEY, SERVER_S3_SECRET_KEY, SERVER_POLICY, and the same with CLIENT; a key is in a file where
NAME_FILE names one. Exit code 75 when the store did not take them: the Job tries again.
"""

import json
import sys
import time
from os import environ
from pathlib import Path

from minio import Minio, MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException, MinioException
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

TRY_AGAIN = 75


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


def make_users() -> list[str]:
    """Make what is missing, and let each user have its policy alone; the names of the users."""
    if environ["MODEL_SYNC_CREATE_BUCKET"] == "true" and not store.bucket_exists(bucket):
        store.make_bucket(bucket)
    names = []
    for component in ("SERVER", "CLIENT"):
        if f"{component}_POLICY" in environ:
            name = secret(f"{component}_S3_ACCESS_KEY")
            admin.policy_add(name, policy=json.loads(environ[f"{component}_POLICY"]))
            admin.user_add(name, secret(f"{component}_S3_SECRET_KEY"))
            admin.policy_set(name, user=name)
            names.append(name)
    return names


error: Exception | None = None
for _ in range(60):
    try:
        made = make_users()
    except (MinioException, MinioAdminException, HTTPError) as refused:
        if str(refused) != str(error):  # a change is one line
            sys.stderr.write(f"not yet: {refused}\n")
        error = refused
        time.sleep(2)
        continue
    sys.stdout.write(f"users of the store: {', '.join(made)}\n")
    sys.exit(0)
sys.stderr.write(f"the store does not take its users: {error}\n")
sys.exit(TRY_AGAIN)
