"""Keys that leave, and the key encryption keys that they leave under."""

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.api.conftest import People, Person, kek_body, unpadded
from tests.api.problems import refused

from keyferry.byok.verify import verify
from keyferry.ids import new_id
from keyferry.testing import Kek


def test_an_export_answers_with_the_file_that_it_recorded(
    user: Person, key: dict[str, Any], azure: dict[str, str]
) -> None:
    answer = user("POST", "/keys/payments%2Fsigner/exports", azure)

    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1/exports/{made['id']}"
    content = base64.b64decode(made["file"], validate=True)
    assert hashlib.sha256(content).hexdigest() == made["sha256"]
    assert len(content) == made["size"]
    assert json.loads(content)["header"]["kid"] == azure["key_identifier"]
    assert made["file_name"].endswith(".byok")
    assert made["file_name"] in made["import_command"]
    assert made["import_command"].startswith("az keyvault key import")
    assert made["version"] == 1
    assert isinstance(made["warnings"], list)
    for shown in (user("GET", f"/exports/{made['id']}"), user("GET", "/exports")):
        assert made["sha256"] in shown.text
        assert made["file"] not in shown.text


def test_the_file_opens_under_the_kek_and_holds_the_key(user: Person, key: dict[str, Any], kek: Kek) -> None:
    made = user("POST", "/keys/signer/exports", kek_body(kek)).json()

    found = verify(base64.b64decode(made["file"]), kek.private)

    assert found.identity.spki_sha256 == key["spki_sha256"]


def test_the_public_key_is_taken_in_any_of_its_forms(user: Person, key: dict[str, Any], kek: Kek) -> None:
    spki = kek.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    numbers = kek.private.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": unpadded(numbers.n.to_bytes(256)), "e": "AQAB"}
    place = {"destination": "azure", "key_identifier": kek.identifier}

    answers = [
        user("POST", "/keys/signer/exports/preview", {**place, **form})
        for form in (
            {"public_key": kek.public_pem.decode()},
            {"public_key": json.dumps(jwk)},
            {"public_key_der": unpadded(spki)},
        )
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200], [answer.text for answer in answers]
    assert len({answer.json()["kek_sha256"] for answer in answers}) == 1


def test_a_preview_makes_the_checks_and_records_nothing(
    user: Person, key: dict[str, Any], azure: dict[str, str]
) -> None:
    seen = user("POST", "/keys/signer/exports/preview", azure)

    assert seen.status_code == 200
    assert seen.json()["known_as"] == "new"
    assert seen.json()["kek_bits"] == 2048
    assert seen.json()["key_id"] == key["id"]
    assert user("GET", "/exports").json()["items"] == []
    assert user("GET", "/keks").json()["items"] == []


def test_exports_are_listed_in_pages_in_the_order_in_which_they_were_made(
    user: Person, key: dict[str, Any], azure: dict[str, str]
) -> None:
    made = [user("POST", "/keys/signer/exports", azure).json()["id"] for _ in range(3)]

    first = user("GET", "/keys/signer/exports?limit=2").json()
    second = user("GET", f"/keys/signer/exports?limit=2&cursor={first['next']}").json()

    assert [each["id"] for page in (first, second) for each in page["items"]] == made
    assert second["next"] is None
    assert [each["id"] for each in user("GET", "/exports").json()["items"]] == made
    refused(user("GET", "/exports?cursor=-1"), 422, "invalid-input", "cursor")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"destination": "moon"}, "destination-unknown", "destination"),
        ({"key_identifier": "https://vault.vault.azure.net/keys/KEK"}, "identifier-no-version", "key_identifier"),
        ({"key_identifier": "http://vault.vault.azure.net/keys/KEK"}, "identifier-not-https", "key_identifier"),
        ({"public_key": "no key"}, "kek-unreadable", "public_key"),
        ({"public_key": None}, "invalid-input", "public_key"),
        ({"public_key_der": "AAAA"}, "invalid-input", "public_key"),
        ({"public_key": None, "public_key_der": "A"}, "invalid-input", "public_key_der"),
        ({"public_key": None, "public_key_der": "AAAA"}, "kek-unreadable", "public_key"),
    ],
)
def test_a_destination_that_will_not_do_is_refused_by_its_field(
    user: Person, key: dict[str, Any], azure: dict[str, str], change: dict[str, Any], code: str, field: str
) -> None:
    for path in ("exports", "exports/preview"):
        refused(user("POST", f"/keys/signer/{path}", {**azure, **change}), 422, code, field)


def test_a_private_key_given_as_the_kek_is_refused_and_never_repeated(
    user: Person, key: dict[str, Any], kek: Kek, azure: dict[str, str]
) -> None:
    pem = kek.private_pem.decode()

    answer = user("POST", "/keys/signer/exports", {**azure, "public_key": pem})

    refused(answer, 422, "kek-is-private", "public_key")
    assert pem.splitlines()[1] not in answer.text


def test_another_public_key_under_the_same_identifier_is_refused(
    user: Person, key: dict[str, Any], azure: dict[str, str], kek: Kek
) -> None:
    assert user("POST", "/keys/signer/exports", azure).status_code == 201
    other = {**azure, "public_key": Kek.make().public_pem.decode()}

    refused(user("POST", "/keys/signer/exports", other), 422, "kek-mismatch", "public_key")


def test_only_an_active_exportable_key_leaves(user: Person, azure: dict[str, str]) -> None:
    kept = {"type": "ec-p256", "name": "kept", "group": "payments", "exportable": False}
    user("POST", "/keys", kept)
    user("POST", "/keys", {"type": "ec-p256", "name": "later", "group": "payments", "activated": False})

    refused(user("POST", "/keys/kept/exports", azure), 409, "key-not-exportable")
    refused(user("POST", "/keys/later/exports", azure), 409, "key-not-active")


def test_an_administrator_sees_exports_and_makes_none(
    people: People, key: dict[str, Any], azure: dict[str, str]
) -> None:
    made = people.user("POST", "/keys/signer/exports", azure).json()

    assert people.administrator("GET", f"/exports/{made['id']}").status_code == 200
    refused(people.administrator("POST", "/keys/signer/exports", azure), 403, "not-permitted")
    refused(people.administrator("POST", "/keys/signer/exports/preview", azure), 403, "not-permitted")
    refused(people.stranger("POST", "/keys/signer/exports", azure), 404, "not-found")
    refused(people.stranger("GET", f"/exports/{made['id']}"), 404, "not-found")
    refused(people.user("GET", f"/exports/{new_id()}"), 404, "not-found")
    assert people.stranger("GET", "/exports").json()["items"] == []


def test_a_kek_is_registered_shown_and_withdrawn(people: People, key: dict[str, Any], azure: dict[str, str]) -> None:
    people.administrator("PATCH", "/groups/payments", {"kek_policy": "registered"})
    refused(people.user("POST", "/keys/signer/exports", azure), 422, "kek-not-registered", "public_key")

    answer = people.administrator("POST", "/keks", azure)
    assert answer.status_code == 201
    made = answer.json()
    assert made["registered"] is True
    assert made["key_identifier"].lower() == azure["key_identifier"].lower()
    assert made["public_key"].split() == azure["public_key"].split()
    assert people.administrator("POST", "/keks", azure).json() == made
    assert people.user("GET", "/keks").json()["items"] == [made]
    assert people.user("POST", "/keys/signer/exports", azure).status_code == 201

    assert people.administrator("DELETE", f"/keks/{made['id']}").status_code == 204
    refused(people.user("POST", "/keys/signer/exports", azure), 422, "kek-not-registered", "public_key")
    refused(people.administrator("DELETE", f"/keks/{made['id']}"), 409, "kek-not-registered")
    refused(people.administrator("DELETE", f"/keks/{new_id()}"), 404, "not-found")


def test_keks_are_registered_by_administrators(user: Person, azure: dict[str, str]) -> None:
    refused(user("POST", "/keks", azure), 403, "not-permitted")
    refused(user("DELETE", f"/keks/{new_id()}"), 404, "not-found")
