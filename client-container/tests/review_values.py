"""A record of a picture in review, for tests."""

from typing import Any

from car_client.review.items import ReviewAnswer, ReviewRecord

HOSTILE = '<img src=x onerror="document.title=1">\x1b[31m\u202e'


def record(**facts: Any) -> ReviewRecord:
    answer = ReviewAnswer(model="near", version=1, label="red", sure=True, probability=0.9)
    known = {"source": "gate", "image": "1.jpg", "time": "2026-11-30T10:00:00Z", "by": "Anna"}
    return ReviewRecord(**{**known, "answers": (answer,), **facts})
