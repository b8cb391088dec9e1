from pathlib import Path

import pytest
from car_client.errors import RequestRefusedError, ServerFailedError
from car_client.pipeline.given import Failure, Outcome, classify_given, given_file
from car_client.session import Session
from car_client.settings import load_settings
from edge_common.errors import RejectedError, RetryableError
from edge_common.pictures.decode import NotAPictureError
from fake_kserve import FakeKServe, FakeModel
from made_pictures import jpeg


@pytest.fixture
def session(server: FakeKServe) -> Session:
    server.models = {"a": FakeModel(shape=(-1, 8, 8, 3)), "b": FakeModel()}
    return Session(load_settings(server_url=server.url, sidecar_url=server.url))


def files(folder: Path, count: int) -> list[Path]:
    made = [folder / f"{number:02}.jpg" for number in range(count)]
    for file in made:
        file.write_bytes(jpeg("red"))
    return made


def run(session: Session, paths: list[Path]) -> Outcome:
    return classify_given(
        [given_file(path) for path in paths], session.discovery, session.classifier, limits=session.limits
    )


def test_many_files_are_taken_in_portions_and_each_gets_its_results(session: Session, tmp_path: Path) -> None:
    outcome = run(session, files(tmp_path, 20))
    outcome.check()
    assert sorted((Path(r.picture).name, r.model) for r in outcome.results) == [
        (f"{number:02}.jpg", model) for number in range(20) for model in ("a", "b")
    ]


def test_a_model_that_answers_nothing_is_not_asked_about_later_portions(
    session: Session, server: FakeKServe, tmp_path: Path
) -> None:
    server.models.pop("b")
    server.faults.extend([(400, "Invalid input shape")] * 400)
    outcome = run(session, files(tmp_path, 200))
    assert len(server.sent("a/infer")) <= 4 * 9, "those that were on their way, together and alone"
    assert outcome.results == []
    with pytest.raises(RejectedError, match="Invalid input shape"):
        outcome.check()


def test_a_picture_that_a_model_fails_at_concerns_no_other(
    session: Session, server: FakeKServe, tmp_path: Path
) -> None:
    server.models.pop("b")
    server.fails_if = lambda batch: bool((batch[..., 2] > 200).any())  # what is red in BGR
    paths = files(tmp_path, 20)
    for bad in paths[:3]:
        bad.write_bytes(jpeg("blue"))
    server.cards["a"] = {"schema": 1, "input": {"color": "RGB"}}
    outcome = run(session, paths)
    assert [Path(failure.picture) for failure in outcome.failed] == paths[:3]
    assert [Path(result.picture) for result in outcome.results] == paths[3:]
    with pytest.raises(RetryableError, match=r"cannot run it$"):
        outcome.check()


def test_models_are_looked_up_once_for_all_files(
    session: Session, server: FakeKServe, tmp_path: Path
) -> None:
    run(session, files(tmp_path, 20))
    assert len(server.sent("/v1/config")) == 1


def test_the_outcome_is_retryable_only_if_nothing_is_at_fault_for_good() -> None:
    away = ServerFailedError("the server failed")
    with pytest.raises(RetryableError, match="the server failed"):
        Outcome(failed=[Failure("p", "m", away)]).check()
    rejected = {"x.txt": NotAPictureError("x.txt is no picture")}
    with pytest.raises(RejectedError, match=r"x\.txt is no picture; the server failed"):
        Outcome(failed=[Failure("p", "m", away)], rejected=rejected).check()
    refused = Failure("p", "n", RequestRefusedError("it", 400, ""))
    with pytest.raises(RejectedError):
        Outcome(failed=[Failure("p", "m", away), refused]).check()
