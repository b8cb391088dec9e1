import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from car_models.importing.checkpoints.reader import MAGIC, MAX_BYTES, PROTOCOL, read_checkpoint
from car_models.importing.checkpoints.state_dict import Tensors
from edge_common.errors import FatalError, RejectedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import zip_checkpoint
from .legacy_checkpoint import MACHINE, Tensor, checkpoint, pickled

GOOD = checkpoint(
    {"plain": Tensor("a", 6, 0, (2, 3), (3, 1)), "transposed": Tensor("b", 6, 0, (3, 2), (1, 3))},
    {"a": range(6), "b": range(6)},
)
MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)
ZIPPED = zip_checkpoint.checkpoint({"weight": MATRIX})
BOTH_FORMATS = (GOOD, ZIPPED)


class Evil:
    """Runs a command when a careless unpickler reads it."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def read(tmp_path: Path, content: bytes) -> Tensors:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    return read_checkpoint(path)


def test_reads_a_contiguous_tensor(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD)["plain"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_follows_the_strides_of_a_transposed_tensor(tmp_path: Path) -> None:
    transposed = read(tmp_path, GOOD)["transposed"]
    assert transposed.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert transposed.tolist() != np.arange(6).reshape(3, 2).tolist(), "what ignoring the strides would give"


def test_reads_a_window_that_begins_inside_its_storage(tmp_path: Path) -> None:
    content = checkpoint({"window": Tensor("a", 6, 4, (2,), (1,))}, {"a": range(6)})
    assert read(tmp_path, content)["window"].tolist() == [4, 5]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("position", range(5))
def test_a_pickle_that_calls_the_system_is_refused_and_does_not_run(
    tmp_path: Path, position: int, protocol: int
) -> None:
    proof = tmp_path / "ran"
    harmless: tuple[object, ...] = (MAGIC, PROTOCOL, MACHINE, {}, [])
    parts = [pickled(part) for part in harmless]
    parts[position] = pickle.dumps({"_conv_stem.weight": Evil(f"touch {proof}")}, protocol=protocol)
    with pytest.raises(RejectedError, match=r"it was not run|not a checkpoint"):
        read(tmp_path, b"".join(parts))
    assert not proof.exists()


@pytest.mark.parametrize(
    "name",
    ["builtins eval", "builtins getattr", "os system", "torch load", "collections OrderedDict.fromkeys"],
)
def test_a_name_that_no_state_dict_needs_is_refused_by_name(tmp_path: Path, name: str) -> None:
    module, attribute = name.split()
    parts = [pickled(part) for part in (MAGIC, PROTOCOL, MACHINE)]
    evil = b"\x80\x02c" + f"{module}\n{attribute}\n".encode() + b"X\x01\x00\x00\x00a\x85R."
    with pytest.raises(RejectedError, match=f"asks for {module}.{attribute}"):
        read(tmp_path, b"".join([*parts, evil]))


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("a", 6, 1, (2, 3), (3, 1)),
        Tensor("a", 6, 0, (7,), (1,)),
        Tensor("a", 6, -1, (2,), (1,)),
        Tensor("a", 6, 5, (2,), (-1,)),
        Tensor("a", 6, 0, (2**40,), (0,)),
        Tensor("a", 6, 0, (0,), (1,)),
        Tensor("a", 6, 0, (-2, -3), (3, 1)),
    ],
    ids=["offset", "too long", "before", "backwards", "repeated without end", "empty", "negative"],
)
def test_a_tensor_that_does_not_fit_its_storage_is_rejected(tmp_path: Path, tensor: Tensor) -> None:
    with pytest.raises(RejectedError, match="does not fit"):
        read(tmp_path, checkpoint({"weight": tensor}, {"a": range(6)}))


@pytest.mark.parametrize(
    "content",
    [
        pickled(7) + GOOD[15:],
        checkpoint({"note": "a string"}, {}),
        checkpoint({"weight": Tensor("a", 6, 0, (6,), (1,))}, {"a": range(5)}),
        checkpoint({"weight": Tensor("a", 6, 0, (6,), (1,))}, {"a": range(6), "b": range(6)}),
        checkpoint({"nested": OrderedDict({"weight": Tensor("a", 6, 0, (6,), (1,))})}, {"a": range(6)}),
    ],
    ids=["magic", "no tensor", "short storage", "unknown storage", "nested"],
)
def test_what_is_no_plain_state_dict_is_rejected(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RejectedError, match="not a checkpoint in torch's legacy format"):
        read(tmp_path, content)


def test_a_memo_index_that_would_take_all_memory_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="memo index"):
        read(tmp_path, b"\x80\x02K\x01r\xff\xff\xff\xff.")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(good=st.sampled_from(BOTH_FORMATS), share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_off_anywhere_is_rejected(tmp_path: Path, good: bytes, share: float) -> None:
    with pytest.raises(RejectedError):
        read(tmp_path, good[: int(share * len(good))])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=400)
@given(good=st.sampled_from(BOTH_FORMATS), share=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_damaged_file_is_read_or_rejected_but_nothing_else(
    tmp_path: Path, good: bytes, share: float, byte: int
) -> None:
    content = bytearray(good)
    content[int(share * len(good))] = byte
    try:
        tensors = read(tmp_path, bytes(content))
    except RejectedError:
        return
    assert all(isinstance(tensor, np.ndarray) for tensor in tensors.values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200))
def test_any_other_bytes_are_rejected(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RejectedError):
        read(tmp_path, content)


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(RejectedError, match="larger than"):
        read_checkpoint(path)


def test_a_missing_file_is_our_own_fault(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="install them again"):
        read_checkpoint(tmp_path / "absent.pth")


def test_reads_a_zipped_state_dict(tmp_path: Path) -> None:
    assert read(tmp_path, ZIPPED)["weight"].tolist() == MATRIX.tolist()


@pytest.mark.parametrize("within", ["state_dict", "model_state_dict", "model", "state_dict_ema"])
def test_reads_the_state_dict_among_a_training_programs_notes(tmp_path: Path, within: str) -> None:
    assert list(read(tmp_path, zip_checkpoint.checkpoint({"weight": MATRIX}, within=within))) == ["weight"]


def test_a_dict_without_weights_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="something else than a flat dict of tensors"):
        read(tmp_path, zip_checkpoint.zipped(pickled({"epoch": 3}), {}))


@pytest.mark.parametrize("protocol", range(6))
def test_a_zipped_pickle_that_calls_the_system_is_refused_and_does_not_run(
    tmp_path: Path, protocol: int
) -> None:
    proof = tmp_path / "ran"
    evil = pickle.dumps({"weight": Evil(f"touch {proof}")}, protocol=protocol)
    with pytest.raises(RejectedError, match="it was not run"):
        read(tmp_path, zip_checkpoint.zipped(evil, {}))
    assert not proof.exists()


@pytest.mark.parametrize(
    "name", ["torch.nn.modules.container Sequential", "timm.models.efficientnet EfficientNet", "__main__ Net"]
)
def test_a_whole_module_is_refused_with_what_to_save_instead(tmp_path: Path, name: str) -> None:
    module, attribute = name.split()
    content = b"\x80\x02c" + f"{module}\n{attribute}\n".encode() + b")\x81."
    with pytest.raises(RejectedError, match=r"whole pickled module.*torch\.save\(model\.state_dict\(\)"):
        read(tmp_path, zip_checkpoint.zipped(content, {}))


@pytest.mark.parametrize("further", ["code/__torch__.py", "constants.pkl"])
def test_a_torchscript_program_is_refused_with_what_to_save_instead(tmp_path: Path, further: str) -> None:
    content = zip_checkpoint.zipped(pickled({}), {}, further={further: b"def forward(self): ..."})
    with pytest.raises(RejectedError, match=r"TorchScript program.*nothing of it was run.*ONNX"):
        read(tmp_path, content)


def test_a_compressed_archive_is_rejected_since_it_could_grow_without_end(tmp_path: Path) -> None:
    bomb = zip_checkpoint.zipped(pickled({}), {"0": bytes(10_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    with pytest.raises(RejectedError, match="compressed or too large"):
        read(tmp_path, bomb)


def test_a_storage_of_another_size_or_a_missing_one_is_rejected(tmp_path: Path) -> None:
    tensor = pickled({"weight": Tensor("0", 6, 0, (6,), (1,), view=False)})
    for storages in ({}, {"0": bytes(20)}, {"1": bytes(24)}):
        with pytest.raises(RejectedError, match="storage 0 is missing or has another size"):
            read(tmp_path, zip_checkpoint.zipped(tensor, storages))
