"""Keys in use over REST."""

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tests.api.conftest import Person, unpadded
from tests.api.problems import refused

TEXT = b"the harbour is closed on Sundays"


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def made(user: Person, type_: str, name: str, **more: Any) -> None:
    answer = user("POST", "/keys", {"type": type_, "name": name, "group": "payments", **more})
    assert answer.status_code == 201, answer.text


def done(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
def vault(user: Person) -> str:
    made(user, "aes-256", "vault")
    return "/keys/vault"


def test_a_message_is_encrypted_and_decrypted(user: Person, vault: str) -> None:
    aad = unpadded(b"page 1")
    sealed = done(user("POST", f"{vault}/encrypt", {"plaintext": unpadded(TEXT), "associated_data": aad}))
    assert set(sealed) == {"key_id", "key_name", "version", "algorithm", "warnings", "ciphertext"}
    assert (sealed["key_name"], sealed["version"], sealed["algorithm"], sealed["warnings"]) == (
        "vault",
        1,
        "A256GCM",
        [],
    )
    assert decoded(sealed["ciphertext"])[:4] == b"KF\x01\x03"
    assert len(decoded(sealed["ciphertext"])) == 24 + 12 + len(TEXT) + 16

    opened = done(user("POST", f"{vault}/decrypt", {"ciphertext": sealed["ciphertext"], "associated_data": aad}))
    assert decoded(opened["plaintext"]) == TEXT
    assert opened["key_id"] == sealed["key_id"]

    body = refused(user("POST", f"{vault}/decrypt", {"ciphertext": sealed["ciphertext"]}), 422, "decryption-failed")
    tag = decoded(sealed["ciphertext"])
    changed = unpadded(tag[:-1] + bytes([tag[-1] ^ 1]))
    same = user("POST", f"{vault}/decrypt", {"ciphertext": changed, "associated_data": aad})
    other = refused(same, 422, "decryption-failed", "ciphertext")
    for each in (body, other):
        each.pop("reference", None)
    assert other == body, "no answer tells what was wrong"


def test_a_key_is_wrapped_and_unwrapped(user: Person, vault: str) -> None:
    material = bytes(range(32))
    wrapped = done(user("POST", f"{vault}/wrap", {"material": unpadded(material), "algorithm": "A256KW"}))
    assert wrapped["algorithm"] == "A256KW"
    found = done(user("POST", f"{vault}/unwrap", {"ciphertext": wrapped["ciphertext"]}))
    assert decoded(found["material"]) == material


def test_a_signature_is_what_others_verify(user: Person, key: dict[str, Any]) -> None:
    answer = done(user("POST", "/keys/signer/sign", {"message": unpadded(TEXT)}))
    assert (answer["algorithm"], answer["version"], answer["format"]) == ("ES256", 1, "raw")
    raw = decoded(answer["signature"])
    public = load_pem_public_key(user("GET", "/keys/signer/public-key").content)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public.verify(der, TEXT, ec.ECDSA(hashes.SHA256()))

    digest = unpadded(hashlib.sha256(TEXT).digest())
    given = {"digest": digest, "signature": unpadded(der), "format": "der"}
    assert done(user("POST", "/keys/signer/verify", given))["valid"] is True
    wrong = done(user("POST", "/keys/signer/verify", given | {"format": "raw"}))
    assert (wrong["valid"], wrong["key_id"], wrong["version"]) == (False, key["id"], 1)


def test_sha_1_is_warned_of_and_still_opens_what_others_made(user: Person) -> None:
    made(user, "rsa-2048", "old")
    public = load_pem_public_key(user("GET", "/keys/old/public-key").content)
    assert isinstance(public, rsa.RSAPublicKey)
    data = public.encrypt(TEXT, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
    body = {"ciphertext": unpadded(data), "version": 1, "algorithm": "RSA-OAEP"}
    opened = done(user("POST", "/keys/old/decrypt", body))
    assert decoded(opened["plaintext"]) == TEXT
    assert "SHA-1" in opened["warnings"][0]
    sealed = done(user("POST", "/keys/old/encrypt", {"plaintext": unpadded(TEXT), "algorithm": "RSA-OAEP"}))
    assert sealed["warnings"] == opened["warnings"]


def test_who_may_not_use_a_key_is_refused(people: Any, vault: str) -> None:
    body = {"plaintext": unpadded(TEXT)}
    refused(people.administrator("POST", f"{vault}/encrypt", body), 403, "not-permitted")
    refused(people.stranger("POST", f"{vault}/encrypt", body), 404, "not-found", "key")


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        ("vault/encrypt", {}, "invalid-input", "plaintext"),
        ("vault/encrypt", {"plaintext": "a=="}, "invalid-input", "plaintext"),
        ("vault/encrypt", {"plaintext": "AA", "associated_data": "?"}, "invalid-input", "associated_data"),
        ("vault/encrypt", {"plaintext": "AA", "nonce": "AA"}, "invalid-input", "nonce"),
        ("vault/encrypt", {"plaintext": "AA", "algorithm": "A256CBC"}, "invalid-input", "algorithm"),
        ("vault/encrypt", {"plaintext": "AA", "algorithm": "A128GCM"}, "algorithm-refused", "algorithm"),
        ("vault/encrypt", {"plaintext": "A" * 87384}, "input-size", "plaintext"),
        ("vault/wrap", {"material": ""}, "input-size", "material"),
        ("vault/decrypt", {"ciphertext": "AA"}, "envelope-refused", "ciphertext"),
        ("vault/decrypt", {"ciphertext": "AA", "version": 0}, "invalid-input", "version"),
        ("vault/decrypt", {"ciphertext": "AA", "version": 1}, "envelope-refused", "ciphertext"),
        ("vault/unwrap", {"ciphertext": "AA", "version": 1}, "decryption-failed", "ciphertext"),
        ("signer/sign", {}, "invalid-input", "message"),
        ("signer/sign", {"message": "", "digest": ""}, "invalid-input", "message"),
        ("signer/sign", {"digest": "AAAA"}, "input-size", "digest"),
        ("signer/sign", {"message": "", "format": "jws"}, "invalid-input", "format"),
        ("signer/verify", {"message": ""}, "invalid-input", "signature"),
        ("signer/verify", {"message": "", "signature": "*"}, "invalid-input", "signature"),
    ],
)
def test_what_will_not_do_is_refused_by_the_name_of_the_field(
    user: Person, vault: str, key: dict[str, Any], path: str, body: dict[str, Any], code: str, field: str
) -> None:
    refused(user("POST", f"/keys/{path}", body), 422, code, field)


def test_states_and_usages_conflict(user: Person, vault: str) -> None:
    refused(user("POST", f"{vault}/sign", {"message": ""}), 409, "usage-refused", "key")
    sealed = done(user("POST", f"{vault}/encrypt", {"plaintext": unpadded(TEXT)}))
    assert user("POST", f"{vault}/revoke", {"reason": "key-compromise"}).status_code == 200
    body = refused(user("POST", f"{vault}/encrypt", {"plaintext": ""}), 409, "key-not-active", "state")
    assert "compromised" in body["detail"]
    opened = done(user("POST", f"{vault}/decrypt", {"ciphertext": sealed["ciphertext"]}))
    assert decoded(opened["plaintext"]) == TEXT


def test_no_refusal_repeats_what_was_sent(user: Person, vault: str) -> None:
    secret = unpadded(b"nobody may read this" * 2)
    for body in ({"plaintext": secret + "="}, {"plaintext": [secret]}, {"plaintext": secret, "algorithm": "ES256"}):
        answer = user("POST", f"{vault}/encrypt", body)
        assert answer.status_code == 422
        assert secret not in answer.text


def test_an_answer_is_given_once(user: Person, vault: str) -> None:
    answer = user("POST", f"{vault}/encrypt", {"plaintext": ""}, headers={"Idempotency-Key": "one"})
    refused(answer, 422, "invalid-input", "Idempotency-Key")


def test_the_document_names_every_algorithm(user: Person) -> None:
    schemas = user.client.get("/api/v1/openapi.json").json()["components"]["schemas"]
    assert {"A256GCM", "A128KWP", "RSA-OAEP-256", "PS384", "ES256K"} <= set(schemas["UseAlgorithm"]["enum"])
