import pytest
from model_sync.store.errors import BucketPlace, S3RefusalError, outage, refused


@pytest.mark.parametrize(
    "body",
    [
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
        b"<p>You're speaking plain HTTP to an SSL-enabled server port.<br>\n</p>",
    ],
)
def test_http_to_a_port_of_https_is_told_with_the_address_to_set(body: bytes) -> None:
    place = BucketPlace("models", "http://store:9000")
    assert str(refused(S3RefusalError(400, body, {}), "list the bucket", place)) == (
        "http://store:9000 speaks https; set MODEL_SYNC_S3_ENDPOINT to https://store:9000"
    )


@pytest.mark.parametrize(
    ("endpoint", "cause", "other"),
    [
        ("http://store:9000", "('Connection aborted.', BadStatusLine('\\x15\\x03\\x01'))", "https"),
        ("https://store:9000", "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "http"),
        ("https://store:9000", "[SSL: RECORD_LAYER_FAILURE] record layer failure (_ssl.c:1000)", "http"),
    ],
)
def test_a_connection_that_speaks_the_other_protocol_is_told(endpoint: str, cause: str, other: str) -> None:
    sentence = str(outage(OSError(cause), "list the bucket", BucketPlace("models", endpoint)))
    assert sentence.endswith(f"{endpoint} speaks {other}; set MODEL_SYNC_S3_ENDPOINT to {other}://store:9000")


def test_what_a_store_says_without_xml_is_in_the_sentence() -> None:
    error = refused(
        S3RefusalError(502, b"<html><h1>Bad Gateway</h1></html>", {}), "list", BucketPlace("m", "http://s")
    )
    assert "Bad Gateway" in str(error)
