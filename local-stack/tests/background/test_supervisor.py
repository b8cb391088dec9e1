from pathlib import Path

from edge_stack.background.supervisor import Restarts, keep_token


def test_the_pause_doubles_up_to_a_minute_while_it_keeps_ending() -> None:
    memory, now, pauses = Restarts(started_at=0.0), 0.0, []
    for _ in range(1200):
        memory = memory.ended(now, "exit code 1")
        assert memory.due_at is not None
        pauses.append(memory.due_at - now)
        assert not memory.is_due(memory.due_at - 0.1)
        now = memory.due_at
        assert memory.is_due(now)
        memory = memory.started(now)
    assert pauses == [1, 2, 4, 8, 16, 32, *[60] * 1194]
    assert (memory.count, memory.last_end) == (1200, "exit code 1")


def test_who_ran_for_a_minute_is_started_again_soon() -> None:
    memory = Restarts(started_at=0.0).ended(1.0, "").started(2.0).ended(3.0, "").started(5.0)
    assert memory.ended(65.0, "").due_at == 66.0


def test_a_token_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = keep_token(tmp_path / "operator-token")
    made = path.read_text()
    assert (path.stat().st_mode & 0o777, len(made.strip())) == (0o600, 32)
    assert keep_token(path).read_text() == made
    assert keep_token(tmp_path / "another").read_text() != made


def test_one_that_is_no_secret_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "operator-token"
    path.write_text("short\n")
    path.chmod(0o644)
    assert len(keep_token(path).read_text().strip()) == 32
    assert path.stat().st_mode & 0o777 == 0o600
