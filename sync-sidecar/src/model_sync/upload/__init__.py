"""What others may use of the sidecar: its check of a folder, the way into its bucket, and its status.

    from model_sync.upload import Destination, check_model, read_version_folder

`car_models`, `edge_stack` and the notebook import this module and nothing else of `model_sync`; what it
imports is what it offers.
"""

from model_sync.bucket.checksums import format_checksums
from model_sync.bucket.evidence_files import (
    ACCEPTANCE_FOLDER,
    MAX_PICTURES,
    PROVENANCE_NAME,
    ExpectedLabel,
    Provenance,
    format_expected,
    format_provenance,
    parse_expected,
    unknown_label,
)
from model_sync.bucket.keys import CHECKSUMS_NAME, is_model_name, is_version_name, path_problem, quoted
from model_sync.bucket.recognise import model_file
from model_sync.cards.cards import EffectiveCard, label_rejection, read_card
from model_sync.settings import Settings, read_settings
from model_sync.upload.check import check_model
from model_sync.upload.folder import VersionFolder, read_version_folder
from model_sync.upload.push import Destination
from model_sync.upload.sidecar_status import ask_for_sync, read_status, versions_of, wait_until_served
