from pathlib import Path

from edge_stack.background.operator_token import keep_token


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
