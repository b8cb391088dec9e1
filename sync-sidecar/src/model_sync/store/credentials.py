"""Credentials for a store when no keys are set: what the surroundings offer, in the usual order."""

import os

import urllib3
from edge_common.errors import FatalError
from minio.credentials.credentials import Credentials
from minio.credentials.providers import (
    AWSConfigProvider,
    ChainedProvider,
    EnvAWSProvider,
    EnvMinioProvider,
    IamAwsProvider,
    Provider,
)
from urllib3.exceptions import HTTPError

_METADATA_TIMEOUT = 2.0
"""Seconds; where there is no metadata service nothing answers at all."""


class _InstanceRole(Provider):
    """A web identity token, or the role of the machine or container, if there is one."""

    def __init__(self) -> None:
        pool = urllib3.PoolManager(timeout=_METADATA_TIMEOUT, retries=False)
        # the SDK knows only Amazon's service; MinIO and private endpoints exchange web identities, too
        identity = os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        service = os.environ.get("AWS_ENDPOINT_URL_STS") if identity else None
        self._provider = IamAwsProvider(custom_endpoint=service, http_client=pool)

    def retrieve(self) -> Credentials:
        """The role's credentials, renewed before they expire; ValueError when there is no role."""
        try:
            return self._provider.retrieve()
        except (HTTPError, OSError) as error:
            raise ValueError(f"no instance role: {error}") from error


class DefaultChain(Provider):
    """Environment (AWS_*, MINIO_*), the AWS credentials file, a web identity, the instance's role."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._chain = ChainedProvider(
            [EnvAWSProvider(), EnvMinioProvider(), AWSConfigProvider(), _InstanceRole()]
        )

    def retrieve(self) -> Credentials:
        """Credentials of the first source that has any; raises FatalError when none has."""
        try:
            return self._chain.retrieve()
        except ValueError as error:
            raise FatalError(
                "no credentials for the store were found; set MODEL_SYNC_S3_ACCESS_KEY and "
                "MODEL_SYNC_S3_SECRET_KEY, or AWS_* variables, a credentials file or an instance role"
            ) from error
