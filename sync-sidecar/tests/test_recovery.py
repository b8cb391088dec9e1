from model_sync.recovery import recover_state
from model_sync.volume import Volume


def test_the_empty_folder_that_a_kill_during_a_removal_left_is_gone_after_a_start(volume: Volume) -> None:
    for left in (volume.root / "gone", volume.root / ".model-sync" / "staging" / "gone"):
        left.mkdir(parents=True)
    (volume.root / "lost+found").mkdir()  # of the file system, not ours
    (volume.root / "cars" / "1").mkdir(parents=True)
    recover_state(volume)
    assert sorted(path.name for path in volume.root.iterdir()) == [".model-sync", "cars", "lost+found"]
    assert list((volume.root / ".model-sync" / "staging").iterdir()) == []
