"""From what a person writes (`FILE.csv`, `FILE.jsonl`, `s3://...`) to a receiver of results."""

from pathlib import Path

from edge_common.errors import FatalError

from car_client.results.bucket import BucketSink
from car_client.results.files import CsvSink, JsonLinesSink
from car_client.results.sink import NoSink, ResultSink
from car_client.s3_address import SCHEME, S3Address, s3_client
from car_client.settings import Settings


def open_sink(settings: Settings) -> ResultSink:
    """Where the settings say results go. Raises FatalError when that cannot be."""
    address = settings.results
    if address is None:
        return NoSink()
    if address.startswith(SCHEME):
        store = s3_client(settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key)
        return BucketSink(store, S3Address.parse(address))
    if address.endswith(".csv"):
        return CsvSink(Path(address))
    if address.endswith((".jsonl", ".ndjson")):
        return JsonLinesSink(Path(address))
    raise FatalError(f"results cannot go to {address!r}; write FILE.csv, FILE.jsonl or s3://BUCKET/PREFIX")
