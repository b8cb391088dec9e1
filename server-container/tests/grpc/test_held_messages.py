import pytest
from ovms_lite.errors import Fault, RequestError
from ovms_lite.grpc.held_messages import HeldMessages


def test_messages_of_one_model_leave_half_of_the_memory_to_others() -> None:
    held = HeldMessages(100)
    with held.keep("greedy", 50), held.keep("other", 30):
        with pytest.raises(RequestError) as refused, held.keep("greedy", 1):
            pass
        assert refused.value.fault is Fault.OVERLOADED
        with held.keep("third", 20), pytest.raises(RequestError), held.keep("fourth", 1):
            pass
        assert held.held_bytes == 80
    assert held.held_bytes == 0
