"""The answer of `GET /v2/models/<model>`: tensors, available versions, and OpenVINO's `rt_info` if any."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from car_client.errors import ServerFailedError
from car_client.kserve.inference import TensorSpec


class _Tensor(BaseModel):
    name: str
    datatype: str
    shape: list[int] = Field(max_length=16)

    def spec(self) -> TensorSpec:
        return TensorSpec(self.name, self.datatype, tuple(self.shape))


class _RtInfo(BaseModel):
    model_info: dict[str, Any] = {}


class _Answer(BaseModel):
    name: str
    versions: list[str] = []
    inputs: list[_Tensor]
    outputs: list[_Tensor]
    rt_info: _RtInfo = _RtInfo()


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the server says of the version that answers unversioned requests.

    `versions` are those AVAILABLE, as OVMS lists them; servers may leave them out. `model_info` is
    `rt_info.model_info`, which OVMS shows for IR models only; its leaves are text.
    """

    name: str
    versions: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    model_info: Mapping[str, Any]

    @property
    def newest_version(self) -> int | None:
        """The highest version listed, which is the one that answers; None when none is listed as a number."""
        return max((int(version) for version in self.versions if version.isdecimal()), default=None)


def parse_metadata(body: bytes) -> Metadata:
    """Read a metadata answer; raises ServerFailedError when it is something else."""
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        start = body[:80].decode("utf-8", "replace")
        raise ServerFailedError(
            f"the server described a model with {start!r}, which is not KServe v2 metadata; "
            "check that the address is that of a model server"
        ) from error
    return Metadata(
        name=answer.name,
        versions=tuple(answer.versions),
        inputs=tuple(tensor.spec() for tensor in answer.inputs),
        outputs=tuple(tensor.spec() for tensor in answer.outputs),
        model_info=answer.rt_info.model_info,
    )
