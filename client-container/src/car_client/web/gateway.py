"""What the routes share: the models, the means to classify, what happened lately, and who listens."""

from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.to_thread
from edge_common.errors import EdgeError
from edge_common.pictures.decode import SUFFIXES, NotAPictureError, Picture, PictureLimits, decode_picture

from car_client.following import ModelFollower
from car_client.inference.side_by_side import Answers, SideBySide
from car_client.metrics import ClientMetrics
from car_client.models.served_model import ServedModel
from car_client.recent import RecentInferences
from car_client.reports import classification_document, log_inference, log_rejection, table_document
from car_client.web.broadcast import Broadcast
from car_client.web.error_answers import ApiError, status_of
from car_client.web.uploads import Upload

_DECODED_AT_ONCE = 2
"""Bounds the memory: a decoded picture of 50 megapixels takes 150 MB."""
MOST_UPLOADS = 8
"""Uploads in progress; each holds its file and its decoded picture."""


@dataclass(slots=True)
class Gateway:
    """One running client, as its web interface sees it."""

    server_url: str
    follower: ModelFollower
    models: SideBySide
    limits: PictureLimits
    metrics: ClientMetrics
    recent: RecentInferences
    broadcast: Broadcast
    alive_within: float
    """Seconds without a look at the models after which the process counts as hanging."""
    uploads: int = 0
    _decoding: anyio.CapacityLimiter | None = field(default=None)

    def models_document(self) -> dict[str, Any]:
        """The answer of `GET /api/models`."""
        view = self.follower.view
        return {
            **table_document(self.server_url, view.table),
            "reachable": view.trouble is None and self.follower.has_seen_the_server,
            "trouble": view.trouble,
            "limits": {
                "max_bytes": self.limits.max_bytes,
                "max_pixels": self.limits.max_pixels,
                "suffixes": sorted(SUFFIXES),
            },
        }

    async def classify(self, upload: Upload) -> dict[str, Any]:
        """The answer of `POST /api/classify`; raises EdgeError when no model has a result."""
        if self._decoding is None:
            self._decoding = anyio.CapacityLimiter(_DECODED_AT_ONCE)
        picture = await anyio.to_thread.run_sync(self._decode, upload, limiter=self._decoding)
        return await anyio.to_thread.run_sync(self._classify, picture, upload)

    def _decode(self, upload: Upload) -> Picture:
        try:
            return decode_picture(upload.name, upload.content, self.limits)
        except NotAPictureError as error:
            self.metrics.count_picture("rejected")
            log_rejection(upload.name, error)
            raise

    def _classify(self, picture: Picture, upload: Upload) -> dict[str, Any]:
        chosen = self._chosen(upload.models)
        answers = self.models.ask(chosen, picture, top_k=upload.top_k)
        if not answers.results:
            raise _worst(answers)
        self.metrics.count_picture("classified")
        for result in answers.results:
            log_inference(result)
            self.recent.add(picture, result, origin="upload")
        return _document(picture, answers)

    def _chosen(self, names: tuple[str, ...]) -> list[ServedModel]:
        """The usable models with these `names`, or all; looks again when one is not known yet."""
        table = self.follower.view.table
        if not table.usable or any(name not in table.usable for name in names):
            view = self.follower.refresh()
            if view.trouble is not None:
                raise ApiError(503, f"the model server is away: {view.trouble}")
            table = view.table
        chosen = table.choose(names)
        if not chosen:
            reasons = table.why_unusable or "upload one to the bucket"
            raise ApiError(503, f"the server has no model to classify with: {reasons}")
        return chosen


def _worst(answers: Answers) -> EdgeError:
    return max(answers.failed.values(), key=status_of)


def _document(picture: Picture, answers: Answers) -> dict[str, Any]:
    height, width = picture.pixels.shape[:2]
    return {
        "image": picture.name,
        "width": width,
        "height": height,
        "bytes": len(picture.content),
        "results": [classification_document(result) for result in answers.results],
        "failed": [{"model": model, "error": str(error)} for model, error in answers.failed.items()],
    }
