"""The answer of `GET /v2/models/<model>`: tensors, available versions, and OpenVINO's `rt_info` if any."""

from collections.abc import Mapping
from typing import Any

from pydantic import AliasPath, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from car_client.errors import ServerFailedError
from car_client.kserve.inference import TensorSpec


@dataclass(frozen=True, slots=True, config=ConfigDict(validate_by_name=True))
class Metadata:
    """What the server says of the version that answers unversioned requests.

    `versions` are those AVAILABLE, as OVMS lists them; servers may leave them out. `model_info` is
    `rt_info.model_info`, which OVMS shows for IR models only; its leaves are text.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    versions: tuple[str, ...] = ()
    model_info: Mapping[str, Any] = Field(
        default_factory=dict, validation_alias=AliasPath("rt_info", "model_info")
    )

    @property
    def newest_version(self) -> int | None:
        """The highest version listed, which is the one that answers; None when none is listed as a number."""
        return max((int(version) for version in self.versions if version.isdecimal()), default=None)


_METADATA = TypeAdapter(Metadata)


def parse_metadata(body: bytes) -> Metadata:
    """Read a metadata answer; raises ServerFailedError when it is something else."""
    try:
        return _METADATA.validate_json(body)
    except ValidationError as error:
        start = body[:80].decode("utf-8", "replace")
        raise ServerFailedError(
            f"the server described a model with {start!r}, which is not KServe v2 metadata; "
            "check that the address is that of a model server"
        ) from error
