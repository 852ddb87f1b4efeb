"""The table of algorithms, against what the standards and the documentation say."""

import pytest

from keyferry.errors import InvalidInput
from keyferry.material.algorithms import ALGORITHMS, Usage
from keyferry.material.using import envelope
from keyferry.material.using.methods import BY_CODE, METHODS, method_named, methods_of

DEFAULTS = {
    ("aes-128", "encrypt"): "A128GCM",
    ("aes-192", "encrypt"): "A192GCM",
    ("aes-256", "encrypt"): "A256GCM",
    ("aes-128", "wrap"): "A128KWP",
    ("aes-192", "wrap"): "A192KWP",
    ("aes-256", "wrap"): "A256KWP",
    ("rsa-2048", "encrypt"): "RSA-OAEP-256",
    ("rsa-3072", "wrap"): "RSA-OAEP-256",
    ("rsa-4096", "sign"): "PS256",
    ("ec-p256", "sign"): "ES256",
    ("ec-p384", "sign"): "ES384",
    ("ec-p521", "sign"): "ES512",
    ("ec-p256k", "sign"): "ES256K",
    ("ec-p256k", "verify"): "ES256K",
}


@pytest.mark.parametrize(("key_type", "usage"), DEFAULTS)
def test_what_is_taken_when_none_is_named(key_type: str, usage: str) -> None:
    assert method_named(None, ALGORITHMS[key_type], Usage(usage)).name == DEFAULTS[key_type, usage]


def test_every_key_can_do_what_its_type_says_and_nothing_else() -> None:
    for algorithm in ALGORITHMS.values():
        for usage in Usage:
            assert bool(methods_of(algorithm, usage)) == (usage in algorithm.usages), (algorithm.name, usage)


def test_codes_stand_for_one_algorithm_each_and_never_change() -> None:
    assert {code: method.name for code, method in BY_CODE.items()} == {
        0x01: "A128GCM",
        0x02: "A192GCM",
        0x03: "A256GCM",
        0x11: "A128KW",
        0x12: "A192KW",
        0x13: "A256KW",
        0x21: "A128KWP",
        0x22: "A192KWP",
        0x23: "A256KWP",
        0x31: "RSA-OAEP-256",
        0x32: "RSA-OAEP",
    }
    assert all(name in (envelope.__doc__ or "") for name in (method.name for method in BY_CODE.values()))


def test_only_sha_1_is_called_legacy() -> None:
    assert [method.name for method in METHODS.values() if method.warnings] == ["RSA-OAEP"]
    assert "SHA-1" in METHODS["RSA-OAEP"].warnings[0]


@pytest.mark.parametrize(
    ("name", "key_type", "usage"),
    [
        ("A256GCM", "aes-128", "encrypt"),
        ("A256GCM", "aes-256", "wrap"),
        ("A256KW", "aes-256", "encrypt"),
        ("ES256", "ec-p256k", "sign"),
        ("ES256", "rsa-2048", "sign"),
        ("RS1", "rsa-2048", "sign"),
        ("RSA1_5", "rsa-2048", "decrypt"),
        ("none", "rsa-2048", "verify"),
        ("", "ec-p256", "verify"),
    ],
)
def test_another_algorithm_is_refused_with_those_that_there_are(name: str, key_type: str, usage: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        method_named(name, ALGORITHMS[key_type], Usage(usage))
    assert (caught.value.code, caught.value.field) == ("algorithm-refused", "algorithm")
    for method in methods_of(ALGORITHMS[key_type], Usage(usage)):
        assert method.name in caught.value.advice


def test_a_signature_by_an_rsa_key_is_verified_by_a_named_algorithm_only() -> None:
    with pytest.raises(InvalidInput) as caught:
        method_named(None, ALGORITHMS["rsa-2048"], Usage.VERIFY)
    assert caught.value.code == "algorithm-refused"
    assert "PS256" in caught.value.advice
