"""What can go wrong, and how the REST interface says it.

    EdgeError
    ├── FatalError
    │   ├── UsageError      a flag is wrong: exit code 64
    │   └── StartError      the start failed, by a bad config.json or a taken port: exit code 1
    └── RejectedError
        ├── RequestError    one request is answered with its fault's status and text
        ├── ConfigError     config.json is not acceptable; what is served stays served
        └── LoadError       one version of one model cannot be loaded

Texts and statuses were measured on OVMS 2026.2.1. Where OVMS answers 500 to a mistake of the client,
this table says 400; the README lists these differences.
"""

from enum import Enum
from typing import ClassVar

from edge_common.errors import FatalError, RejectedError

_MIXED_BUFFERS = (
    "Passing buffers both in ModelInferRequest::InferInputTensor::contents and in "
    "ModelInferRequest::raw_input_contents is not allowed"
)


class Fault(Enum):
    """Every answer that is not a success: HTTP status and the text in `error`."""

    NAME_MISSING = (404, "Model with requested name is not found")
    SERVABLE_MISSING = (404, "Mediapipe graph definition with requested name is not found")
    VERSION_MISSING = (404, "Model with requested version is not found")
    VERSION_NOT_LOADED = (404, "Model with requested version is not loaded yet")
    VERSION_RETIRED = (404, "Model with requested version is retired")
    VERSION_MALFORMED = (400, "invalid model version format in request")
    OPENAI_MODEL_MISSING = (404, "Model not found")
    RESOURCE_MISSING = (404, "Requested REST resource not found")
    URL_INVALID = (400, "Invalid request URL")
    PATH_INVALID = (400, "The provided base path is invalid or doesn't exists")
    METHOD_UNSUPPORTED = (406, "Unsupported method")
    NOT_READY = (503, "Server is not ready")
    JSON_INVALID = (412, "The file is not valid json")
    JSON_TOO_DEEP = (400, "JSON nesting depth exceeds the allowed limit")
    BODY_NOT_OBJECT = (400, "Request body should be JSON object")
    INPUTS_MISSING = (400, "Invalid JSON structure, missing inputs")
    INPUT_NOT_NDARRAY = (400, "Could not parse input content. Not valid ndarray detected")
    INPUT_PRECISION_UNSUPPORTED = (400, "Could not parse input content. Unsupported data precision detected")
    OUTPUT_NOT_PARSED = (400, "Could not parse output content.")
    PARAMETERS_NOT_PARSED = (400, "Could not parse request parameters")
    BINARY_SIZE_INVALID = (400, "binary_data_size parameter is invalid and cannot be parsed")
    BINARY_TAIL_SHORT = (400, "Received buffer size is smaller than binary_data_size parameter indicates")
    BINARY_AND_DATA = (400, "Request contains values both in binary data and in content value")
    BINARY_MIXED = (400, _MIXED_BUFFERS)
    BINARY_HEADER_INVALID = (400, "Inference-Header-Content-Length header is invalid and couldn't be parsed")
    BINARY_HEADER_TOO_LARGE = (400, "Inference-Header-Content-Length header exceeds actual payload length")
    RAW_CONTENTS_COUNT = (400, "Invalid number of raw_input_contents")
    INPUT_COUNT = (400, "Invalid number of inputs")
    INPUT_MISSING = (400, "Missing input with specific name")
    INPUT_PRECISION = (400, "Invalid input precision")
    INPUT_RANK = (400, "Invalid number of shape dimensions")
    INPUT_BATCH = (400, "Invalid input batch size")
    INPUT_SHAPE = (400, "Invalid input shape")
    INPUT_VALUE_COUNT = (400, "Invalid number of values in tensor proto container")
    INPUT_BYTE_COUNT = (400, "Invalid content size of tensor proto")
    BYTES_MALFORMED = (400, "Inputs inside buffer does not match expected format.")
    BYTES_UNSUPPORTED = (400, "Functionality not implemented")
    IMAGE_UNREADABLE = (400, "Image parsing failed")
    IMAGE_CHANNELS = (400, "Invalid number of channels in binary input")
    IMAGE_LAYOUT = (400, "Received binary image input but resource not configured to accept NHWC layout")
    IMAGE_SIZES_DIFFER = (
        400,
        "Binary input images for this endpoint are required to have the same resolution",
    )
    TFS_FORMAT_UNKNOWN = (400, "Invalid JSON structure. Could not detect row or column format")
    TFS_INSTANCES_MISSING = (400, "Invalid JSON structure. Missing instances in row format")
    TFS_NOT_NDARRAY = (400, "Could not parse instance content. Not valid ndarray detected")
    TFS_INSTANCES_NOT_ARRAY = (400, "Invalid JSON structure. Nonamed instance is not an array.")
    TFS_INSTANCE_NOT_OBJECT = (400, "Invalid JSON structure. One of named instances is not a JSON object.")
    TFS_NEITHER_NAMED = (400, "Could not detect neither named or nonamed format")
    TFS_BATCHES_DIFFER = (400, "Invalid JSON structure. Request inputs have different batch sizes")
    TFS_INPUTS_NOT_OBJECT = (400, "Invalid JSON structure. One of inputs is not a JSON object.")
    STRING_EMPTY = (400, "String val is empty")
    OVERLOADED = (503, "Too many requests are waiting")
    INFERENCE_FAILED = (500, "Internal inference error")
    CONFIG_UNREADABLE = (500, "Config file not found or cannot open.")
    RELOAD_CONFIG_FAILED = (500, "Reloading config file failed. Check server logs for more info.")
    RELOAD_VERSIONS_FAILED = (500, "Reloading models versions failed. Check server logs for more info.")

    @property
    def status(self) -> int:
        """HTTP status code."""
        return self.value[0]

    @property
    def text(self) -> str:
        """What `error` starts with."""
        return self.value[1]


class RequestError(RejectedError):
    """One request cannot be answered; `detail` follows the fault's text after ` - `."""

    def __init__(self, fault: Fault, detail: str = "", *, status: int | None = None) -> None:
        super().__init__(f"{fault.text} - {detail}" if detail else fault.text)
        self.fault = fault
        self.status = fault.status if status is None else status


class UsageError(FatalError):
    """The command line is wrong."""

    exit_code: ClassVar[int] = 64  # EX_USAGE of sysexits.h, as OVMS ends


class StartError(FatalError):
    """The server cannot start with what it was given."""

    exit_code: ClassVar[int] = 1


class ConfigError(RejectedError):
    """config.json, or one model's entry in it, is not acceptable.

    `reload_status` is the HTTP status with which `POST /v1/config/reload` reports it.
    """

    def __init__(self, message: str, *, reload_status: int = 412) -> None:
        super().__init__(message)
        self.reload_status = reload_status


class LoadError(RejectedError):
    """A version cannot be loaded; `reload_status` is what `POST /v1/config/reload` then answers."""

    def __init__(self, message: str, *, reload_status: int = 500) -> None:
        super().__init__(message)
        self.reload_status = reload_status
