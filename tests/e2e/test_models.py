"""A model's life on the cluster: uploaded, exchanged under load, refused, removed."""

import json
import time
from base64 import b64encode

from edge_stack.processes.waiting import wait_until

from .facts import Facts
from .kubectl import Document
from .platform import Platform
from .uploads import broken_model, colour_model
from .visitors import Visitor

MODEL = "colours"


def test_an_upload_by_the_s3_port_is_served_and_classifies_in_the_client(platform: Platform) -> None:
    platform.serve(MODEL, 1, colour_model(1))
    seen = platform.wait_for_inference(MODEL, 1)
    assert seen["top1"] in {"blue1", "green1", "red1"}
    assert seen.keys() >= {"model", "version", "image", "top1", "probability", "top5", "latency_ms"}


def test_an_upload_in_the_console_is_served(platform: Platform) -> None:
    platform.bucket.upload_in_console("by_hand", 1, colour_model(1))
    platform.wait_for_state("by_hand", "1", "serving")


def test_a_job_seeds_models_from_a_volume(platform: Platform) -> None:
    files = colour_model(1)
    content = {name: b64encode(data).decode() for name, data in files.items()}
    platform.kubectl.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "e2e-seed"}, "binaryData": content}
    )
    volume = "seed.volume.configMap"
    items = [
        (f"{volume}.items[{number}].key={name}", f"{volume}.items[{number}].path=seeded/1/{name}")
        for number, name in enumerate(files)
    ]
    platform.change(
        "seed.enabled=true",
        "seed.models[0].name=seeded",
        "seed.models[0].version=1",
        f"{volume}.name=e2e-seed",
        *(setting for pair in items for setting in pair),
    )
    platform.wait_for_state("seeded", "1", "serving")
    platform.release.rollback()
    assert platform.kubectl.find("jobs", platform.selector("seed")) == []


def test_no_request_fails_while_a_version_is_exchanged(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    platform.has()
    with caller.asking(MODEL) as traffic:
        platform.serve(MODEL, 2, colour_model(2))
        platform.wait_for_inference(MODEL, 2)
    facts.note_traffic("version exchanged", traffic)
    assert traffic.failures == 0, traffic
    assert traffic.versions == [1, 2]
    for kind in traffic.by_connection.values():
        assert kind["backward_steps"] == 0


def test_a_broken_version_is_refused_with_its_reason_while_the_old_one_serves(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    with caller.asking(MODEL) as traffic:
        platform.bucket.upload(MODEL, 3, broken_model())
        row = platform.wait_for_state(MODEL, "3", "rejected")
    facts.note_traffic("broken version uploaded", traffic)
    assert "upload it again" in row["reason"]
    assert traffic.failures == 0, traffic
    assert traffic.versions == [2]

    def told_in_bucket() -> str | None:
        reasons = [
            version["reason"]
            for status in platform.bucket.statuses()
            for version in status["models"].get(MODEL, {}).get("versions", [])
            if version["source"] == "3"
        ]
        return None if row["reason"] in reasons else f"it says {reasons}"

    wait_until("the reason in _status/ of the bucket", told_in_bucket, within=30, every=0.5)


def test_a_bad_model_goes_out_and_one_command_has_the_one_before_answer_again(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    (pod,) = platform.has()

    def command(*words: str) -> Document:
        told: Document = json.loads(
            platform.kubectl.execute(pod, "model-sync", "model-sync", *words, "--by", "e2e", "--json")
        )
        return told

    with caller.asking(MODEL) as traffic:
        platform.serve(MODEL, 4, colour_model(4))
        begun = time.monotonic()
        pinned = command("rollback", MODEL, "--reason", "a drill")["pin"]
        facts.seconds["model-sync rollback by kubectl exec until the version before answers"] = (
            time.monotonic() - begun
        )
    facts.note_traffic("bad version out, rolled back", traffic)
    assert (pinned["version"], pinned["reason"], pinned["by"]) == ("2", "a drill", "e2e")
    assert traffic.failures == 0, traffic
    assert traffic.versions == [2, 4]
    assert platform.status(pod)["models"][MODEL]["serving"] == [2]
    assert command("unpin", MODEL)["removed"]
    platform.wait_for_state(MODEL, "4", "serving")


def test_a_removed_model_is_retired(platform: Platform) -> None:
    platform.bucket.remove("by_hand")

    def gone() -> str | None:
        (pod,) = platform.pods("server")
        rows = platform.status(pod)["models"].get("by_hand", {}).get("versions", [])
        served = [row for row in rows if row["state"] in {"serving", "retiring"}]
        return f"still {served}" if served else None

    wait_until("the removed model is no longer served", gone, within=60, every=0.5)
