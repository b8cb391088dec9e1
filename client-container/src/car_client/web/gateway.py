"""What the routes share: the models, the means to classify, what happened lately, and who listens."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from edge_common.errors import EdgeError, RetryableError
from edge_common.pictures.decode import SUFFIXES, NotAPictureError, PictureLimits, decode_picture
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.history.history import History
from car_client.kserve.connection import Connection
from car_client.metrics import ClientMetrics
from car_client.models.follower import ModelFollower
from car_client.models.served_model import ServedModel
from car_client.output.documents import (
    ClassificationDocument,
    FailureDocument,
    TableDocument,
    classification_document,
    log_inference,
    log_rejection,
    table_document,
)
from car_client.output.recent import RecentInferences
from car_client.output.source_record import SourceRecord
from car_client.pipeline.classifier import Classification
from car_client.pipeline.jobs import Job, Pipeline
from car_client.review.bucket import ReviewBucket
from car_client.web.broadcast import Broadcast
from car_client.web.messages import ApiError, status_of
from car_client.web.platform.platform import Platform
from car_client.web.uploads import Allowed, Upload

MOST_UPLOADS = 8
"""Uploads in progress; each holds its file and its decoded picture."""
_ENDING = "this client is ending; send the picture again"


class LimitsDocument(TypedDict):
    """What is accepted as a picture."""

    max_bytes: int
    max_pixels: int
    suffixes: list[str]
    addresses: Annotated[Allowed, Field(description="Which addresses the client fetches for the page.")]


class ModelsDocument(TableDocument):
    """The models as last seen, and whether the server answers now."""

    reachable: bool
    trouble: str | None
    limits: LimitsDocument


class AnswerDocument(ClassificationDocument):
    """What one model says, beside what others say."""

    label_set: Annotated[
        str | None, Field(description="The same for models that know the same classes; null: no labels.")
    ]


class ClassifiedDocument(TypedDict):
    """One picture, and what the models say of it."""

    image: str
    width: int
    height: int
    bytes: int
    thumbnail: Annotated[str, Field(description="Path of a small JPEG file.")]
    results: list[AnswerDocument]
    failed: list[FailureDocument]


@dataclass(slots=True)
class Gateway:
    """One running client, as its web interface sees it."""

    server_url: str
    follower: ModelFollower
    pipeline: Pipeline
    limits: PictureLimits
    metrics: ClientMetrics
    recent: RecentInferences
    broadcast: Broadcast
    platform: Platform
    sidecar: Connection | None
    """None: no address of it is set."""
    sources: Sequence[SourceRecord]
    """What is told of each source that is watched."""
    alive_within: float
    """Seconds without a look at the models after which the process counts as hanging."""
    addresses: Allowed = "off"
    """Which addresses are fetched for the page."""
    history: History | None = None
    """None: no history is kept."""
    review: ReviewBucket | None = None
    """None: no pictures can be sent to review."""
    uploads: int = 0

    def models_document(self) -> ModelsDocument:
        """The answer of `GET /api/models`."""
        view = self.follower.view
        return {
            **table_document(self.server_url, view.table),
            "reachable": self.follower.is_reachable,
            "trouble": view.error,
            "limits": {
                "max_bytes": self.limits.max_bytes,
                "max_pixels": self.limits.max_pixels,
                "suffixes": sorted(SUFFIXES),
                "addresses": self.addresses,
            },
        }

    async def classify(self, upload: Upload) -> ClassifiedDocument:
        """The answer of `POST /api/classify`; raises EdgeError when no model has a result."""
        job = self.pipeline.begin([partial(decode_picture, upload.name, upload.content, self.limits)])
        return await run_in_threadpool(self._finish, job, upload)

    def _finish(self, job: Job, upload: Upload) -> ClassifiedDocument:
        picture = next(iter(job.pictures()), None)
        if isinstance(picture, NotAPictureError):
            self.metrics.count_picture("rejected")
            log_rejection(upload.name, picture)
            raise picture
        if picture is None:
            raise RetryableError(_ENDING)
        models = self._chosen(upload.models)
        job.ask(models, top_k=upload.top_k)
        replies = job.replies()
        results = [reply.result for reply in replies if isinstance(reply.result, Classification)]
        failed = {reply.model: reply.result for reply in replies if isinstance(reply.result, EdgeError)}
        if not results:
            raise max(failed.values(), key=status_of, default=RetryableError(_ENDING))
        self.metrics.count_picture("classified")
        for result in results:
            log_inference(result)
            thumbnail = self.recent.add(picture, result, origin="upload")
            if self.history is not None:
                self.history.add("page", result, thumbnail)
        label_sets = {model.name: model.label_set for model in models}
        height, width = picture.pixels.shape[:2]
        return {
            "image": picture.name,
            "width": width,
            "height": height,
            "bytes": len(picture.content),
            "thumbnail": thumbnail.path,
            "results": [
                {**classification_document(result), "label_set": label_sets[result.model]}
                for result in results
            ],
            "failed": [{"model": model, "error": str(error)} for model, error in failed.items()],
        }

    def _chosen(self, names: tuple[str, ...]) -> list[ServedModel]:
        """The usable models with these `names`, or all; looks again when one is not known yet."""
        table = self.follower.view.table
        if not table.usable or any(name not in table.usable for name in names):
            view = self.follower.refresh()
            if view.error is not None:
                raise ApiError(503, f"the model server is away: {view.error}")
            table = view.table
        chosen = table.choose(names)
        if not chosen:
            reasons = table.why_unusable or "upload one to the bucket"
            raise ApiError(503, f"the server has no model to classify with: {reasons}")
        return chosen
