import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from car_client.output.sinks import BucketSink, open_sink
from car_client.pipeline.classifier import Classification
from car_client.pipeline.scores import Prediction, Verdict
from car_client.s3_address import S3Address
from car_client.settings import Transport, load_settings
from collected_logs import LogLines
from edge_common.errors import FatalError
from minio import Minio
from minio.error import S3Error
from urllib3 import HTTPResponse

RESULT = Classification(
    "a, b.jpg",
    "m",
    3,
    Verdict((Prediction(0, "bus", 0.9), Prediction(1, "cab", 0.1)), sure=True),
    Transport.TENSOR,
    0.1,
    0.1,
    0.1,
)


def write(path: Path, times: int = 1) -> None:
    sink = open_sink(load_settings(results=str(path)))
    for _ in range(times):
        sink.write(RESULT)
    sink.close()


def test_json_lines_are_whole_documents_that_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write(path, 2)
    write(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 3
    assert (lines[0]["image"], lines[0]["predictions"][1]["label"]) == ("a, b.jpg", "cab")


def test_a_table_has_one_head_however_often_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    write(path)
    write(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["top1"] for row in rows] == ["bus", "bus"]
    assert (rows[0]["image"], rows[0]["probability"]) == ("a, b.jpg", "0.9")


def test_a_table_computes_nothing_and_results_of_any_name_can_be_written(
    tmp_path: Path, store: Minio
) -> None:
    verdict = Verdict((Prediction(0, "@SUM(1)", 0.9),), sure=True)
    odd = dataclasses.replace(RESULT, picture="=cmd|' calc'!A1.jpg", verdict=verdict)
    sink = open_sink(load_settings(results=str(tmp_path / "r.csv")))
    sink.write(odd)
    sink.close()
    [head, row] = (tmp_path / "r.csv").read_text().splitlines()
    assert (row.split(",")[0], row.split(",")[3]) == ("'=cmd|' calc'!A1.jpg", "'@SUM(1)")
    assert head.startswith("image,")
    address = dataclasses.replace(RESULT, picture="http://cam/../a.jpg")
    BucketSink(store, S3Address.parse("s3://pictures/odd")).write(address)
    listed = store.list_objects("pictures", "odd/", recursive=True)
    assert [object_.object_name for object_ in listed] == ["odd/http:_/cam/_/a.jpg.m.json"]


@pytest.mark.parametrize("address", ["results.txt", "/no/such/folder/x.csv"])
def test_a_place_that_cannot_take_results_is_refused(address: str) -> None:
    with pytest.raises(FatalError, match="results cannot go to"):
        open_sink(load_settings(results=address))


def test_results_go_back_into_the_bucket(store: Minio) -> None:
    result = dataclasses.replace(RESULT, picture="gate/a.jpg")
    BucketSink(store, S3Address.parse("s3://pictures/results")).write(result)
    answer = store.get_object("pictures", "results/gate/a.jpg.m.json")
    document = json.loads(answer.read())
    answer.close()
    assert (document["top1"], document["version"]) == ("bus", 3)


def test_results_are_held_while_the_store_is_away_and_written_when_it_is_back(store: Minio) -> None:
    address = S3Address.parse("s3://later/results")
    sink = BucketSink(store, address)
    sink.write(dataclasses.replace(RESULT, picture="a.jpg"))
    store.make_bucket("later")
    sink.write(dataclasses.replace(RESULT, picture="b.jpg"))
    names = {object_.object_name for object_ in store.list_objects("later", recursive=True)}
    assert names == {"results/a.jpg.m.json", "results/b.jpg.m.json"}


def test_a_result_whose_name_no_store_takes_is_told_and_holds_no_other_up(
    store: Minio, logged: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(key: str, *rest: Any, **how: Any) -> object:  # as stores answer, measured with MinIO
        if len(key) > 1024:
            raise S3Error(
                HTTPResponse(status=400), "KeyTooLongError", "Your key is too long", None, None, None
            )
        return kept("pictures", key, *rest, **how)

    kept = store.put_object
    monkeypatch.setattr(store, "put_object", lambda _bucket, *given, **how: put(*given, **how))
    sink = BucketSink(store, S3Address.parse("s3://pictures/long"))
    sink.write(dataclasses.replace(RESULT, picture=f"{'a/' * 600}1.jpg"))
    sink.write(dataclasses.replace(RESULT, picture="2.jpg"))
    names = [object_.object_name for object_ in store.list_objects("pictures", "long/", recursive=True)]
    assert names == ["long/2.jpg.m.json"]
    [line] = logged.of("result_rejected")
    assert line["error"] == "KeyTooLongError: Your key is too long"
