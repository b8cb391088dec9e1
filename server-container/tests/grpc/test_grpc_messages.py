import pytest
import tritonclient.grpc.service_pb2 as triton
from google.protobuf.descriptor import Descriptor
from ovms_lite.grpc.messages import METHODS, message_class

NAMES = [f"{method}{kind}" for method in METHODS for kind in ("Request", "Response")]


def _shape(message: Descriptor) -> dict[int, object]:
    """Everything the wire depends on: numbers, names, types, repetition, and the messages inside."""
    return {
        field.number: (
            field.name,
            field.type,
            field.is_repeated,
            None if field.message_type is None else _shape(field.message_type),
        )
        for field in message.fields
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_message_is_that_of_the_protocol(name: str) -> None:
    ours: Descriptor = message_class(name).DESCRIPTOR
    theirs: Descriptor = getattr(triton, name).DESCRIPTOR
    assert ours.full_name == theirs.full_name
    assert _shape(ours) == _shape(theirs)
