import json
import random
from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from model_sync.operate import judge
from model_sync.swap_watch.observations import record_to_lines
from simulated_swaps import GOOD, swap


def test_the_decision_is_made_again_from_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dice, file = random.Random(4), tmp_path / "cars.jsonl"
    file.write_bytes(record_to_lines(swap(dice, GOOD, requests=200)))
    judge(file)
    assert capsys.readouterr().out.startswith("cars 2: kept: no worse than 1; compared: failed")
    file.write_bytes(record_to_lines(swap(dice, "failing", requests=200)))
    with pytest.raises(SystemExit) as ended:
        judge(file, as_json=True)
    assert ended.value.code == RejectedError.exit_code
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["version"], told["verdict"]) == ("cars", "2", "breach")


@pytest.mark.parametrize("content", [b"", b"junk", b"{}\n{}\n"])
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "cars.jsonl"
    file.write_bytes(content)
    with pytest.raises(RejectedError, match="is no record of a watch"):
        judge(file)
    with pytest.raises(RejectedError, match="is no record of a watch"):
        judge(tmp_path / "nowhere")
