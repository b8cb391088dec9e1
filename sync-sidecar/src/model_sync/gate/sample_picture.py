"""The card's sample picture, brought to where preflight can read it."""

from typing import Final

from edge_common.errors import RejectedError

from model_sync.bucket.catalog import ListedModel, Upload
from model_sync.bucket.keys import quoted
from model_sync.cards.cards import EffectiveCard
from model_sync.download.staging import Staging
from model_sync.preflight.check import SamplePicture
from model_sync.store.object_store import ObjectStore, read_small

_MAX_SAMPLE_BYTES: Final = 16 * 1024 * 1024
"""A larger picture is refused unread; a photo of 12 megapixels is a quarter of this."""


def place_sample(
    store: ObjectStore,
    remote: ListedModel,
    upload: Upload,
    staging: Staging,
    card: EffectiveCard | None,
) -> SamplePicture | None:
    """The card's sample picture as a file; None when the card wants none.

    It is looked for in the version's folder, then in the model's. Raises RejectedError when it is in neither
    or too large, RetryableError when the store fails.
    """
    if card is None or card.card.sample is None:
        return None
    name = card.card.sample.picture
    fetched = staging.tree / name
    if fetched.is_file() and fetched.stat().st_size <= _MAX_SAMPLE_BYTES:
        return SamplePicture(fetched, card)
    listed = next((file for file in upload.files if file.path == name), remote.loose.get(name))
    if listed is None:
        raise RejectedError(
            f"the card names the sample picture {quoted(name)}, which is not there; upload it beside the card"
        )
    beside = staging.folder / "sample"  # outside the tree: it is no part of what is served
    beside.write_bytes(read_small(store, listed, _MAX_SAMPLE_BYTES))
    return SamplePicture(beside, card)
