"""What a person needs to know about a stack that runs: where it is, and how to upload and classify."""

from collections.abc import Iterator
from pathlib import Path

from edge_stack.components import StackFolder
from edge_stack.stack_record import StackRecord
from edge_stack.store import ACCESS_KEY, BUCKET, SECRET_KEY

_NEEDED_TO_UPLOAD = ("MODEL_SYNC_S3_ENDPOINT", "MODEL_SYNC_S3_ACCESS_KEY", "MODEL_SYNC_S3_SECRET_KEY")


def directions(record: StackRecord, root: Path) -> Iterator[str]:
    """Lines to print after `up` and with `status`."""
    where = record.addresses
    yield f"page      {where['page']}  classify pictures, watch models come and change"
    yield f"store     {where['store']}  {record.store}"
    if "console" in where:
        yield f"console   {where['console']}  bucket {BUCKET}, sign in with {ACCESS_KEY} / {SECRET_KEY}"
    yield f"server    {where['server']}/v1/config"
    yield f"sidecar   {where['sidecar']}/v1/status"
    yield f"pictures  {StackFolder(root).pictures}  what arrives there is classified: edge-stack logs client"
    settings = " ".join(f"{name}={record.environment[name]}" for name in _NEEDED_TO_UPLOAD)
    yield f"upload    {settings} model-sync push DIR --model NAME --version 1"
    urls = f"--server-url {where['server']} --sidecar-url {where['sidecar']}"
    yield f"classify  car-client classify {urls} PICTURE"
