import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from car_models.importing.checkpoints.reader import read_checkpoint
from car_models.importing.checkpoints.state_dict import Tensors
from edge_common.errors import RejectedError

from .legacy_checkpoint import Tensor, pickled
from .test_reader import Evil
from .zip_checkpoint import checkpoint, zipped

MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)
GOOD = checkpoint({"weight": MATRIX})


def read(tmp_path: Path, content: bytes) -> Tensors:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    return read_checkpoint(path)


def test_reads_a_state_dict(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD)["weight"].tolist() == MATRIX.tolist()


@pytest.mark.parametrize("within", ["state_dict", "model_state_dict", "model", "state_dict_ema"])
def test_reads_the_state_dict_among_a_training_programs_notes(tmp_path: Path, within: str) -> None:
    assert list(read(tmp_path, checkpoint({"weight": MATRIX}, within=within))) == ["weight"]


def test_a_dict_without_weights_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="something else than a flat dict of tensors"):
        read(tmp_path, zipped(pickled({"epoch": 3}), {}))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_the_system_is_refused_and_does_not_run(tmp_path: Path, protocol: int) -> None:
    proof = tmp_path / "ran"
    evil = pickle.dumps({"weight": Evil(f"touch {proof}")}, protocol=protocol)
    with pytest.raises(RejectedError, match="it was not run"):
        read(tmp_path, zipped(evil, {}))
    assert not proof.exists()


@pytest.mark.parametrize(
    "name", ["torch.nn.modules.container Sequential", "timm.models.efficientnet EfficientNet", "__main__ Net"]
)
def test_a_whole_module_is_refused_with_what_to_save_instead(tmp_path: Path, name: str) -> None:
    module, attribute = name.split()
    content = b"\x80\x02c" + f"{module}\n{attribute}\n".encode() + b")\x81."
    with pytest.raises(RejectedError, match=r"whole pickled module.*torch\.save\(model\.state_dict\(\)"):
        read(tmp_path, zipped(content, {}))


@pytest.mark.parametrize("further", ["code/__torch__.py", "constants.pkl"])
def test_a_torchscript_program_is_refused_with_what_to_save_instead(tmp_path: Path, further: str) -> None:
    content = zipped(pickled({}), {}, further={further: b"def forward(self): ..."})
    with pytest.raises(RejectedError, match=r"TorchScript program.*nothing of it was run.*ONNX"):
        read(tmp_path, content)


def test_a_compressed_archive_is_rejected_since_it_could_grow_without_end(tmp_path: Path) -> None:
    bomb = zipped(pickled({}), {"0": bytes(10_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    with pytest.raises(RejectedError, match="compressed or too large"):
        read(tmp_path, bomb)


def test_a_storage_of_another_size_or_a_missing_one_is_rejected(tmp_path: Path) -> None:
    tensor = pickled({"weight": Tensor("0", 6, 0, (6,), (1,), view=False)})
    for storages in ({}, {"0": bytes(20)}, {"1": bytes(24)}):
        with pytest.raises(RejectedError, match="storage 0 is missing or has another size"):
            read(tmp_path, zipped(tensor, storages))
