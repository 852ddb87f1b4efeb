"""Using keys by the vault's rules: operations, validity, what is enabled; and what each answers."""

from typing import Any

import pytest
from tests.emulator.keys.transfer import unpadded

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import making, reading, using
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.kinds import Operation

DIGEST = unpadded(bytes(range(32)))
USES = {
    "encrypt": using.encrypting(Operation.ENCRYPT),
    "decrypt": using.decrypting(Operation.DECRYPT),
    "wrapKey": using.encrypting(Operation.WRAP),
    "unwrapKey": using.decrypting(Operation.UNWRAP),
    "sign": using.sign,
    "verify": using.verify,
}
STILL_WORK_OUTSIDE = {"decrypt", "unwrapKey", "verify"}


def body_for(operation: str, call: Call, name: str) -> dict[str, Any]:
    """A body that works for `operation` with the key of that name, made while everything is allowed."""
    match operation:
        case "decrypt" | "unwrapKey":
            wrapped = USES["encrypt"](call, name, None, {"alg": "RSA-OAEP-256", "value": "c2VjcmV0"})["value"]
            return {"alg": "RSA-OAEP-256", "value": wrapped}
        case "verify":
            value = using.sign(call, name, None, {"alg": "PS256", "value": DIGEST})["value"]
            return {"alg": "PS256", "digest": DIGEST, "value": value}
        case "sign":
            return {"alg": "RS256", "value": DIGEST}
        case _:
            return {"alg": "RSA-OAEP", "value": "c2VjcmV0"}


@pytest.fixture
def kid(call: Call) -> str:
    return str(making.create(call, "key", {"kty": "RSA"})["key"]["kid"])


@pytest.mark.parametrize("operation", USES)
def test_every_operation_answers_with_the_version_that_did_it(operation: str, call: Call, kid: str) -> None:
    answer = USES[operation](call, "KEY", kid[-32:], body_for(operation, call, "key"))
    if operation == "verify":
        assert answer == {"value": True}
        return
    assert answer["kid"] == kid
    assert set(answer) == {"kid", "value"}
    if operation in {"decrypt", "unwrapKey"}:
        assert answer["value"] == "c2VjcmV0"


def test_without_a_version_the_current_one_does_it(call: Call, kid: str) -> None:
    newer = making.create(call, "key", {"kty": "RSA"})["key"]["kid"]
    assert using.sign(call, "key", None, {"alg": "RS256", "value": DIGEST})["kid"] == newer
    assert using.sign(call, "key", kid[-32:], {"alg": "RS256", "value": DIGEST})["kid"] == kid


def test_a_signature_of_something_else_is_no_signature(call: Call, kid: str) -> None:
    body = body_for("verify", call, "key") | {"digest": unpadded(bytes(32))}
    assert using.verify(call, "key", None, body) == {"value": False}


@pytest.mark.parametrize("operation", USES)
def test_an_operation_that_key_ops_lack_is_forbidden(operation: str, call: Call, kid: str) -> None:
    body = body_for(operation, call, "key")
    others = [each for each in USES if each != operation]
    reading.update(call, "key", None, {"key_ops": others})
    with pytest.raises(AzureFailure) as refused:
        USES[operation](call, "key", None, body)
    failure = refused.value
    assert (failure.status, failure.code, failure.inner) == (403, "Forbidden", "KeyOperationForbidden")
    assert failure.message == f"Operation {operation} is not permitted on this key."


@pytest.mark.parametrize("operation", USES)
def test_a_disabled_version_does_nothing(operation: str, call: Call, kid: str) -> None:
    body = body_for(operation, call, "key")
    reading.update(call, "key", None, {"attributes": {"enabled": False}})
    with pytest.raises(AzureFailure) as refused:
        USES[operation](call, "key", None, body)
    assert (refused.value.status, refused.value.inner) == (403, "KeyDisabled")
    assert refused.value.message == f"Operation {operation} is not allowed on a disabled key."


@pytest.mark.parametrize("attributes", [{"nbf": clock.now() + 3600}, {"exp": clock.now() - 3600}])
@pytest.mark.parametrize("operation", USES)
def test_outside_its_validity_a_key_only_undoes_what_it_did(
    operation: str, attributes: dict[str, int], call: Call, kid: str
) -> None:
    body = body_for(operation, call, "key")
    reading.update(call, "key", None, {"attributes": attributes})
    if operation in STILL_WORK_OUTSIDE:
        assert USES[operation](call, "key", None, body)["value"]
        return
    with pytest.raises(AzureFailure) as refused:
        USES[operation](call, "key", None, body)
    assert (refused.value.status, refused.value.inner) == (403, "KeyNotYetValidOrExpired")
    assert ("not yet valid" in refused.value.message) == ("nbf" in attributes)


@pytest.mark.parametrize(
    ("operation", "body", "words"),
    [
        ("sign", {}, "Property alg has invalid value: it is missing"),
        ("sign", {"alg": 1, "value": DIGEST}, "Property alg has invalid value: it is not a string"),
        ("sign", {"alg": "RS256"}, "Property value has invalid value: it is missing"),
        ("sign", {"alg": "RS256", "value": "*"}, "characters that are not base64"),
        ("sign", {"alg": "RS384", "value": DIGEST}, "The digest has 32 bytes, and RS384 signs digests of 48"),
        ("sign", {"alg": "HS256", "value": DIGEST}, "HS256 is none of RS256"),
        ("verify", {"alg": "RS256", "value": DIGEST}, "Property digest has invalid value: it is missing"),
        ("encrypt", {"alg": "A256GCM", "value": DIGEST}, "A256GCM is none of RSA1_5"),
        ("wrapKey", {"alg": "RSA-OAEP", "value": unpadded(bytes(215))}, "215 bytes are too many"),
        ("decrypt", {"alg": "RSA1_5", "value": DIGEST}, "does not open under this key"),
        ("unwrapKey", {"alg": "RSA-OAEP", "value": DIGEST}, "does not open under this key"),
    ],
)
def test_a_request_that_will_not_do_is_refused(
    operation: str, body: dict[str, Any], words: str, call: Call, kid: str
) -> None:
    with pytest.raises(AzureFailure) as refused:
        USES[operation](call, "key", None, body)
    assert (refused.value.status, refused.value.code) == (400, "BadParameter")
    assert words in refused.value.message


def test_a_key_that_is_not_there_does_nothing(call: Call, kid: str) -> None:
    for name, version in (("other", None), ("key", "0" * 32)):
        with pytest.raises(AzureFailure) as missing:
            using.sign(call, name, version, {"alg": "RS256", "value": DIGEST})
        assert missing.value.status == 404
