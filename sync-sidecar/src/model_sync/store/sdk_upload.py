"""Uploads of files in parts, by the `minio` SDK over the client's own connections."""

from minio import Minio
from minio.credentials.providers import StaticProvider
from minio.error import InvalidResponseError, MinioException, S3Error

from model_sync.store.errors import S3RefusalError
from model_sync.store.s3_client import S3Client


def upload_file(client: S3Client, bucket: str, key: str, path: str) -> None:
    """Write the file `path` as `key`; raises S3RefusalError, HTTPError or OSError."""
    address, keys = client.address, client.credentials.current()
    sdk = Minio(
        endpoint=address.authority.removeprefix(f"{bucket}.") if not address.folder else address.authority,
        secure=address.scheme == "https",
        region=address.region,
        http_client=client.pool,
        credentials=StaticProvider(keys.access_key, keys.secret_key, keys.session_token),
    )
    if address.folder:
        sdk.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the SDK types it not
    else:
        sdk.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the SDK types it not
    try:
        sdk.fput_object(bucket, key, path)
    except S3Error as error:
        raise S3RefusalError(error.response.status, error.response.data, error.response.headers) from error
    except (MinioException, InvalidResponseError) as error:
        raise OSError(str(error)) from error
