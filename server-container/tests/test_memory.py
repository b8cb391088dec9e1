"""How much memory there is, and what requests may hold of it."""

from pathlib import Path

import pytest
from ovms_lite.memory import HeldBytes, memory_limit


def test_the_requests_of_one_model_leave_half_of_the_memory_to_others() -> None:
    held = HeldBytes(100)
    assert held.take("greedy", 50)
    assert held.take("other", 30)
    assert not held.take("greedy", 1)
    assert held.take("third", 20)
    assert not held.take("fourth", 1)
    for model, count in (("greedy", 50), ("other", 30), ("third", 20)):
        held.give_back(model, count)
    assert held.held_bytes == 0


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("0::/a/b", "a/b/memory.max"),
        ("0::/elsewhere", "memory.max"),
        ("9:memory:/a", "memory/a/memory.limit_in_bytes"),
    ],
)
def test_a_container_limits_the_memory(tmp_path: Path, line: str, file: str) -> None:
    own = tmp_path / "own"
    own.write_text(f"3:cpu:/x\n{line}\n")
    limit = tmp_path / "groups" / file
    limit.parent.mkdir(parents=True)
    limit.write_text("123456789\n")
    assert memory_limit(own, tmp_path / "groups") == 123456789
    limit.write_text("max\n")
    assert memory_limit(own, tmp_path / "groups") == memory_limit(tmp_path / "none", tmp_path)
