import pytest
from model_sync.planning.rejections import RejectedAt, verdict


@pytest.mark.parametrize("stage", RejectedAt)
def test_whatever_was_wrong_is_looked_at_again_after_growing_pauses(stage: RejectedAt) -> None:
    pauses, before = [], None
    for _ in range(4):
        before = verdict(
            before, mark="m", reason="r", stage=stage, now=100.0, first_retry=60.0, longest_retry=240.0
        )
        pauses.append(before.retry_at - 100.0 if before.retry_at is not None else None)
    assert pauses == [60.0, 120.0, 240.0, 240.0]
