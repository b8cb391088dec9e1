"""Who is compared, and what each can be asked: the same names for all parts of the benchmark."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bodies import Body, base64_picture_body, binary_body, json_body, picture_body, random_jpeg, random_tensor
from models import Array, InputFacts, find_model, input_facts, picture_tensor
from rivals import Rival
from servers import PICTURES_SUFFIX, Running, VersionFolders, kserve, mlserver, ovms_lite_serving

OURS = "ovms-lite"
"""As it is, which is for LATENCY."""
OURS_FOR_THROUGHPUT = "ovms-lite, THROUGHPUT"
Start = Callable[[VersionFolders, Path], AbstractContextManager[Running]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server, and how it is started with models and a new folder for its files."""

    name: str
    start: Start
    takes_binary: bool = True
    is_ours: bool = False

    def model_name(self, subject: "Subject", wire: str) -> str:
        """Under which name it serves the model for such a body."""
        needs_layout = self.is_ours and wire == "JPEG" and subject.facts.is_nchw_picture
        return subject.name + PICTURES_SUFFIX if needs_layout else subject.name

    def bodies(self, subject: "Subject") -> dict[str, tuple[Body, Array]]:
        """Each body the server understands, with the tensor that it stands for."""
        facts = subject.facts
        bodies = {"JSON": (json_body(facts, subject.tensor), subject.tensor)}
        if self.takes_binary:
            bodies["binary"] = binary_body(facts, subject.tensor), subject.tensor
        if subject.picture is not None:
            encode = picture_body if self.is_ours else base64_picture_body
            bodies["JPEG"] = encode(facts, subject.picture), picture_tensor(subject.picture, facts)
        return bodies


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to serve, and what is sent to it."""

    name: str
    folder: Path
    file: Path
    facts: InputFacts
    tensor: Array
    picture: bytes | None


def subject(name: str, folder: Path, *, takes_pictures: bool) -> Subject:
    """The model in the version folder `folder`."""
    file = find_model(folder)
    facts = input_facts(file)
    picture = random_jpeg(*facts.picture_size) if takes_pictures else None
    return Subject(name, folder, file, facts, random_tensor(facts), picture)


def contestants(rivals: Sequence[Rival], subjects: Sequence[Subject] = ()) -> list[Contestant]:
    """ovms-lite, once as it is and once compiled for many callers, and the rivals that are installed."""
    pictures = [one.name for one in subjects if one.picture is not None and one.facts.is_nchw_picture]
    for_throughput = partial(ovms_lite_serving, pictures=pictures, hint="THROUGHPUT")
    found = [
        Contestant(OURS, partial(ovms_lite_serving, pictures=pictures), is_ours=True),
        Contestant(OURS_FOR_THROUGHPUT, for_throughput, is_ours=True),
    ]
    starts = {"MLServer": mlserver, "KServe": kserve}
    for rival in rivals:
        start = partial(starts[rival.name], rival.python)
        found.append(Contestant(rival.name, start, takes_binary=rival.name != "MLServer"))
    return found
