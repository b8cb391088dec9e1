"""Signatures, held against the examples that Amazon publishes for S3 (Signature Version 4, GET requests)."""

from datetime import UTC, datetime

from model_sync.store.signing import Credentials, path_of, query_of, signed_headers

_KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
_NOW = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
_HOST = "examplebucket.s3.amazonaws.com"


def _signature(path: str, query: str, headers: dict[str, str]) -> str:
    signed = signed_headers(
        "GET", _HOST, path, query, headers, credentials=_KEYS, region="us-east-1", now=_NOW
    )
    return signed["authorization"].rpartition("Signature=")[2]


def test_a_ranged_read_is_signed_as_in_the_published_example() -> None:
    assert (
        _signature("/test.txt", "", {"range": "bytes=0-9"})
        == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_a_listing_is_signed_as_in_the_published_example() -> None:
    query = query_of({"prefix": "J", "max-keys": "2"})
    assert query == "max-keys=2&prefix=J"
    assert _signature("/", query, {}) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"


def test_a_query_without_a_value_is_signed_as_in_the_published_example() -> None:
    query = query_of({"lifecycle": ""})
    assert query == "lifecycle="
    assert _signature("/", query, {}) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"


def test_everything_but_slashes_and_unreserved_characters_is_encoded_in_a_path() -> None:
    assert path_of("a b/\u00fc+%~_-.!*'()") == "a%20b/%C3%BC%2B%25~_-.%21%2A%27%28%29"


def test_keys_are_never_shown() -> None:
    assert "wJalr" not in repr(_KEYS)
