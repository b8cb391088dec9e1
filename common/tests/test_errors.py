import pytest
from edge_common.errors import EdgeError, FatalError, RejectedError, RetryableError


@pytest.mark.parametrize(
    ("kind", "code"), [(EdgeError, 1), (RetryableError, 75), (RejectedError, 65), (FatalError, 78)]
)
def test_each_kind_ends_a_command_with_its_own_code(kind: type[EdgeError], code: int) -> None:
    assert kind.exit_code == code
    assert issubclass(kind, EdgeError)
