"""scripts/e2e.sh: where it takes its cluster from, and that it leaves none behind."""

from .stub_programs import Stubs


def test_without_any_cluster_it_says_how_to_provide_one(machine: Stubs) -> None:
    machine.program("kubectl")
    done = machine.run("scripts/e2e.sh", CLUSTER_TOOL="/nowhere/cluster")
    assert done.returncode == 69
    assert "there is no cluster: set KUBECONFIG to one" in done.stderr


def test_a_cluster_that_does_not_answer_is_named(machine: Stubs) -> None:
    machine.answer("kubectl", "version", code=1)
    done = machine.run("scripts/e2e.sh", KUBECONFIG="/somebody/config")
    assert done.returncode == 69
    assert "no cluster answers at KUBECONFIG=/somebody/config" in done.stderr


def test_a_cluster_of_its_own_is_removed_also_after_a_failure(machine: Stubs) -> None:
    machine.program("kubectl")
    machine.answer("cluster", "up", "export KUBECONFIG=/made/config\n")
    machine.answer("cluster", "base-images", code=3)
    done = machine.run("scripts/e2e.sh", CLUSTER_TOOL=str(machine.bin / "cluster"))
    assert done.returncode == 3
    assert [call[1:] for call in machine.calls("cluster")] == [["up"], ["base-images"], ["down", "--purge"]]
