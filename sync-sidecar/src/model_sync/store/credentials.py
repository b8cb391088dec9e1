"""The keys that requests are signed with: those of the settings, or what the surroundings offer."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import urllib3
from edge_common.errors import FatalError
from urllib3.exceptions import HTTPError

from model_sync.settings import Settings, read_settings
from model_sync.store.signing import Credentials

if TYPE_CHECKING:
    from minio.credentials.providers import Provider

_METADATA_TIMEOUT = 2.0
"""Seconds; where there is no metadata service nothing answers at all."""


class CredentialSource(Protocol):
    """Where the keys come from. Thread-safe."""

    def current(self) -> Credentials:
        """The keys to sign with now; raises FatalError when there are none."""
        ...

    def renewed(self) -> Credentials:
        """The keys after the store refused the current ones: looked up anew where they may have changed."""
        ...


def credential_source(settings: Settings) -> CredentialSource:
    """The keys of the settings, else the default chain."""
    return SetKeys(settings) if settings.s3_access_key.get_secret_value() else DefaultChain()


class SetKeys:
    """The keys of the settings, which may stand in files that somebody replaces."""

    def __init__(self, settings: Settings, read: Callable[[], Settings] | None = None) -> None:
        """Begin with those of `settings`; `read` gives the settings anew, from the environment if None."""
        self._keys = _keys_of(settings)
        self._read = read or (lambda: read_settings(os.environ))

    def current(self) -> Credentials:
        """See CredentialSource."""
        return self._keys

    def renewed(self) -> Credentials:
        """See CredentialSource. Files that cannot be read at the moment leave the keys as they are."""
        with suppress(FatalError):
            found = _keys_of(self._read())
            self._keys = found if found.access_key else self._keys
        return self._keys


def _keys_of(settings: Settings) -> Credentials:
    return Credentials(
        settings.s3_access_key.get_secret_value(),
        settings.s3_secret_key.get_secret_value(),
        settings.s3_session_token.get_secret_value() or None,
    )


class DefaultChain:
    """Environment (AWS_*, MINIO_*), the AWS credentials file, a web identity, the instance's role."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._chain: Provider | None = None

    def current(self) -> Credentials:
        """Keys of the first source that has any; raises FatalError when none has."""
        if self._chain is None:
            self._chain = _sdk_chain()
        try:
            found = self._chain.retrieve()
        except (ValueError, HTTPError, OSError) as error:
            raise FatalError(
                "no credentials for the store were found; set MODEL_SYNC_S3_ACCESS_KEY and "
                "MODEL_SYNC_S3_SECRET_KEY, or AWS_* variables, a credentials file or an instance role"
            ) from error
        return Credentials(found.access_key, found.secret_key, found.session_token)

    def renewed(self) -> Credentials:
        """See CredentialSource."""
        self._chain = None
        return self.current()


def _sdk_chain() -> "Provider":
    # imported here because the SDK takes longer to import than everything else together
    from minio.credentials.providers import (  # noqa: PLC0415
        AWSConfigProvider,
        ChainedProvider,
        EnvAWSProvider,
        EnvMinioProvider,
        IamAwsProvider,
    )

    pool = urllib3.PoolManager(timeout=_METADATA_TIMEOUT, retries=False)
    # the SDK knows only Amazon's service; MinIO and private endpoints exchange web identities, too
    identity = os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    service = os.environ.get("AWS_ENDPOINT_URL_STS") if identity else None
    role = IamAwsProvider(custom_endpoint=service, http_client=pool)
    return ChainedProvider([EnvAWSProvider(), EnvMinioProvider(), AWSConfigProvider(), role])
