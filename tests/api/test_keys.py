"""Keys: made, taken, found, described, given to another owner."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)
from tests.api.conftest import People, Person, opened, sign_in, unpadded
from tests.api.problems import refused

from keyferry.material.algorithms import ALGORITHMS
from keyferry.testing import ADMINISTRATOR, Kit


@pytest.mark.parametrize("type_", [name for name in ALGORITHMS if not name.startswith("rsa") or name == "rsa-2048"])
def test_a_key_of_each_type_is_generated(user: Person, type_: str) -> None:
    answer = user("POST", "/keys", {"type": type_, "group": "payments"})

    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1/keys/{made['id']}"
    assert answer.headers["etag"] == '"1"'
    assert made["type"] == type_
    assert made["name"] is None
    assert made["owner"] == {"user": None, "group": "payments"}
    assert made["state"] == "active"
    assert made["versions"] == 1
    assert (made["check_value"] is None) == (made["spki_sha256"] is not None)
    assert user("GET", f"/keys/{made['id']}").json() == made


def test_a_key_is_made_as_the_request_says(user: Person) -> None:
    body = {
        "type": "rsa-2048",
        "name": "tenant",
        "description": "for the tenant",
        "owner": "user",
        "exportable": False,
        "usages": ["wrap", "unwrap"],
        "activation_date": "2035-01-31T12:00:00+01:00",
        "deactivation_date": "2036-01-31T12:00:00Z",
    }

    made = user("POST", "/keys", body).json()

    assert made["owner"] == {"user": "user", "group": None}
    assert made["state"] == "pre-active"
    assert made["activation_date"] == "2035-01-31T11:00:00Z"
    assert made["deactivation_date"] == "2036-01-31T12:00:00Z"
    assert made["exportable"] is False
    assert made["usages"] == ["unwrap", "wrap"]
    assert made["description"] == "for the tenant"


def test_no_answer_about_a_key_holds_its_material(user: Person, key: dict[str, Any]) -> None:
    members = set(user("GET", "/keys/signer").json())

    assert "material" not in members
    assert not {name for name in members if "private" in name or "secret" in name}


@pytest.mark.parametrize("reference", ["signer", "payments/signer", "payments%2Fsigner", "payments%2fsigner", "{id}"])
def test_a_key_is_found_by_id_by_name_and_by_group_and_name(user: Person, key: dict[str, Any], reference: str) -> None:
    path = reference.format(id=key["id"])
    if "/" in path:  # a slash that is not encoded separates: no such address
        refused(user("GET", f"/keys/{path}"), 404, "not-found")
        return

    assert user("GET", f"/keys/{path}").json()["id"] == key["id"]
    assert user("GET", f"/keys/{path}/versions").json()["items"][0]["version"] == 1
    assert user("POST", f"/keys/{path}/deactivate").json()["state"] == "deactivated"


def test_a_name_that_two_owners_use_needs_the_owner(administrator: Person, key: dict[str, Any]) -> None:
    body = {"type": "aes-256", "name": "signer", "group": "elsewhere"}
    other = administrator("POST", "/keys", body).json()

    refused(administrator("GET", "/keys/signer"), 409, "conflict", "key")
    assert administrator("GET", "/keys/elsewhere%2Fsigner").json()["id"] == other["id"]
    for query, ids in (
        ("name=signer", [key["id"], other["id"]]),
        ("name=signer&group=elsewhere", [other["id"]]),
        ("group=elsewhere", [other["id"]]),
        ("name=other", []),
    ):
        assert [each["id"] for each in administrator("GET", f"/keys?{query}").json()["items"]] == ids


@pytest.mark.parametrize("query", ["", "name=signer", "name=payments/signer", "name={id}"])
def test_a_list_shows_no_key_to_those_who_may_not_see_it(people: People, key: dict[str, Any], query: str) -> None:
    path = f"/keys?{query.format(id=key['id'])}"
    seen = [] if "/" in query or "{" in query else [key["id"]]  # a name is what is asked for, not a reference

    assert people.stranger("GET", path).json()["items"] == []
    refused(people.stranger("GET", "/keys?group=payments"), 422, "invalid-input", "group")
    assert [each["id"] for each in people.user("GET", path).json()["items"]] == seen
    assert [each["id"] for each in people.administrator("GET", path).json()["items"]] == seen


def test_lists_come_in_pages(user: Person) -> None:
    made = [user("POST", "/keys", {"type": "aes-128", "group": "payments"}).json()["id"] for _ in range(5)]

    first = user("GET", "/keys?limit=2").json()
    second = user("GET", f"/keys?limit=2&cursor={first['next']}").json()
    third = user("GET", f"/keys?limit=2&cursor={second['next']}").json()

    assert [each["id"] for page in (first, second, third) for each in page["items"]] == made
    assert third["next"] is None


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=5001", "limit=x", "cursor=x", "owenr=x", "group=a%00b"]
)
def test_a_query_that_makes_no_sense_is_refused(user: Person, query: str) -> None:
    refused(user("GET", f"/keys?{query}"), 422, "invalid-input", query.partition("=")[0])


def test_the_largest_page_is_a_setting(tmp_path: Path) -> None:
    kit = Kit.make(tmp_path / "other", default_page=2, max_page=3)
    with opened(kit) as door:
        administrator = sign_in(door.client, ADMINISTRATOR)
        assert administrator("GET", "/users?limit=3").status_code == 200
        refused(administrator("GET", "/users?limit=4"), 422, "invalid-input", "limit")
    kit.close()


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"type": "rsa-1024"}, 422, "invalid-input", "type"),
        ({"name": "Signer"}, 422, "name-refused", "name"),
        ({"name": "a\0b"}, 422, "invalid-input", "name"),
        ({"name": "signer"}, 409, "name-taken", "name"),
        ({"activated": "yes"}, 422, "invalid-input", "activated"),
        ({"usages": ["sign", "fly"]}, 422, "invalid-input", "usages.1"),
        ({"usages": []}, 422, "invalid-input", "usages"),
        ({"usages": ["sign"]}, 422, "invalid-input", "usages"),
        ({"activation_date": "tomorrow"}, 422, "invalid-input", "activation_date"),
        ({"activation_date": 5}, 422, "invalid-input", "activation_date"),
        ({"deactivation_date": "2020-01-01T00:00:00Z"}, 422, "invalid-input", "deactivation_date"),
        ({"deactivation_date": "1969-01-01T00:00:00Z"}, 422, "invalid-input", "deactivation_date"),
        ({"group": "elsewhere"}, 422, "invalid-input", "group"),
        ({"owner": "user"}, 422, "invalid-input", "owner"),
        ({"colour": "red"}, 422, "invalid-input", "colour"),
    ],
)
def test_a_field_that_will_not_do_is_named(
    user: Person, key: dict[str, Any], change: dict[str, Any], status: int, code: str, field: str
) -> None:
    body = {"type": "aes-256", "group": "payments", **change}

    refused(user("POST", "/keys", body), status, code, field)


def test_an_administrator_makes_keys_for_others_alone(people: People) -> None:
    refused(people.administrator("POST", "/keys", {"type": "aes-256"}), 422, "invalid-input", "owner")
    assert people.administrator("POST", "/keys", {"type": "aes-256", "owner": "user"}).status_code == 201
    refused(
        people.administrator("POST", "/keys/import", {"type": "aes-128", "group": "payments", "material": "A" * 22}),
        403,
        "not-permitted",
    )


class TestChanges:
    def test_a_change_with_the_revision_that_it_was_made_from_is_taken(self, user: Person, key: dict[str, Any]) -> None:
        tag = user("GET", "/keys/signer").headers["etag"]

        changed = user("PATCH", "/keys/signer", {"description": "signs"}, headers={"If-Match": tag})
        assert changed.status_code == 200
        assert changed.json()["description"] == "signs"
        assert changed.headers["etag"] != tag

        late = user("PATCH", "/keys/signer", {"description": "late"}, headers={"If-Match": tag})
        refused(late, 412, "revision-conflict", "If-Match")
        assert user("GET", "/keys/signer").json()["description"] == "signs"

    def test_any_revision_is_taken_without_a_tag_or_with_a_star(self, user: Person, key: dict[str, Any]) -> None:
        assert user("PATCH", "/keys/signer", {"name": "other"}).status_code == 200
        assert user("PATCH", "/keys/other", {"name": None}, headers={"If-Match": "*"}).json()["name"] is None

    @pytest.mark.parametrize("tag", ["1", 'W/"1"', '"x"', '"1", "2"', ""])
    def test_what_is_no_tag_of_ours_is_refused(self, user: Person, key: dict[str, Any], tag: str) -> None:
        refused(
            user("PATCH", "/keys/signer", {"name": "x"}, headers={"If-Match": tag}), 422, "invalid-input", "if-match"
        )

    def test_dates_that_lie_ahead_are_moved_and_taken_away(self, user: Person, key: dict[str, Any]) -> None:
        later = user("PATCH", "/keys/signer", {"deactivation_date": "2040-01-01T00:00:00Z"})
        assert later.json()["deactivation_date"] == "2040-01-01T00:00:00Z"

        assert user("PATCH", "/keys/signer", {"deactivation_date": None}).json()["deactivation_date"] is None

    @pytest.mark.parametrize("date", ["2040-01-01T00:00:00Z", None])
    def test_dates_that_have_come_are_neither_moved_nor_taken_away(
        self, user: Person, key: dict[str, Any], date: str | None
    ) -> None:
        refused(user("PATCH", "/keys/signer", {"activation_date": date}), 409, "conflict")

    def test_a_key_goes_to_a_group_of_its_owner_or_from_a_disabled_user(self, people: People) -> None:
        made = people.user("POST", "/keys", {"type": "aes-256", "name": "mine", "owner": "user"}).json()
        refused(people.administrator("POST", "/keys/mine/reassign", {"group": "payments"}), 403, "not-permitted")
        refused(people.user("POST", "/keys/mine/reassign", {}), 422, "invalid-input", "owner")

        given = people.user("POST", "/keys/mine/reassign", {"group": "payments"}).json()
        assert given["owner"] == {"user": None, "group": "payments"}

        alone = people.user("POST", "/keys", {"type": "aes-256", "name": "alone", "owner": "user"}).json()
        people.administrator("POST", "/users/user/disable")
        moved = people.administrator("POST", f"/keys/{alone['id']}/reassign", {"owner": "stranger"})
        assert moved.json()["owner"] == {"user": "stranger", "group": None}
        assert made["id"] != alone["id"]


class TestImports:
    def test_a_pem_file_is_taken_as_text_and_as_bytes(self, user: Person) -> None:
        private = ec.generate_private_key(ec.SECP256R1())
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        body = {"type": "ec-p256", "group": "payments"}

        as_text = user("POST", "/keys/import", {**body, "material_text": pem.decode()})
        as_bytes = user("POST", "/keys/import", {**body, "material": unpadded(pem)})

        assert as_text.status_code == as_bytes.status_code == 201
        assert as_text.json()["spki_sha256"] == as_bytes.json()["spki_sha256"]
        assert as_text.json()["origin"] == "imported"

    def test_an_encrypted_file_needs_its_passphrase(self, user: Person) -> None:
        private = rsa.generate_private_key(65537, 2048)
        encrypted = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame"))
        body = {"type": "rsa-2048", "group": "payments", "material": unpadded(encrypted)}

        refused(user("POST", "/keys/import", body), 422, "material-encrypted")
        wrong = user("POST", "/keys/import", {**body, "passphrase": "open barley"})
        refused(wrong, 422, "passphrase-refused")
        assert "barley" not in wrong.text
        assert user("POST", "/keys/import", {**body, "passphrase": "open sesame"}).status_code == 201

    @pytest.mark.parametrize(
        ("change", "code", "field"),
        [
            ({}, "invalid-input", "material"),
            ({"material": "AAAA", "material_text": "AAAA"}, "invalid-input", "material"),
            ({"material": "AAAA="}, "invalid-input", "material"),
            ({"material": "AAA+"}, "invalid-input", "material"),
            ({"material": "A"}, "invalid-input", "material"),
            ({"material": "AB"}, "invalid-input", "material"),
            ({"material": "é"}, "invalid-input", "material"),
            ({"material": "c2VjcmV0LW1hdGVyaWFs"}, "material-refused", None),
            ({"material_text": "hunter2-hunter2"}, "material-refused", None),
        ],
    )
    def test_what_is_no_material_is_refused_without_being_repeated(
        self, user: Person, change: dict[str, str], code: str, field: str | None
    ) -> None:
        answer = user("POST", "/keys/import", {"type": "rsa-2048", "group": "payments", **change})

        refused(answer, 422, code, field)
        for given in change.values():
            assert f'"{given}"' not in answer.text
            assert "hunter2" not in answer.text


class TestPublicKeys:
    def test_a_public_key_is_pem_unless_json_is_asked_for(self, user: Person, key: dict[str, Any]) -> None:
        answer = user("GET", "/keys/signer/public-key")
        assert answer.headers["content-type"].startswith("application/x-pem-file")
        public = load_pem_public_key(answer.content)
        assert isinstance(public, ec.EllipticCurvePublicKey)

        asked = user("GET", "/keys/signer/public-key", headers={"Accept": "application/json"}).json()
        assert asked["pem"] == answer.text
        assert asked["spki_sha256"] == key["spki_sha256"]
        assert asked["thumbprint"] == key["thumbprint"]
        assert asked["jwk"]["crv"] == "P-256"
        assert set(asked["jwk"]) == {"kty", "crv", "x", "y"}

    def test_an_rsa_key_has_a_jwk_too(self, user: Person) -> None:
        user("POST", "/keys", {"type": "rsa-2048", "name": "tenant", "group": "payments"})

        asked = user("GET", "/keys/tenant/public-key", headers={"Accept": "application/json"}).json()

        assert asked["jwk"]["kty"] == "RSA"
        assert asked["jwk"]["e"] == "AQAB"

    def test_a_symmetric_key_has_none(self, user: Person) -> None:
        user("POST", "/keys", {"type": "aes-256", "name": "data", "group": "payments"})

        refused(user("GET", "/keys/data/public-key"), 404, "not-found", "key")


def test_a_path_that_is_a_folder_to_somebody_else_is_no_key(user: Person) -> None:
    for path in ("/keys/..%2F..%2Fetc", "/keys/%2F", "/keys/a%2Fb%2Fc", "/keys/%00", "/keys/%FF", "/keys/%2525"):
        refused(user("GET", path), 422, "invalid-input", "key")


def test_keys_are_searched_narrowed_and_sorted_in_pages(user: Person) -> None:
    for name, type_ in (("seek-b", "aes-128"), ("seek-a", "aes-128"), ("seek-c", "aes-192")):
        user("POST", "/keys", {"type": type_, "name": name, "deactivation_date": "2090-01-31T12:00:00Z"})
    names, path = [], "/keys?search=seek-&sort=-name&limit=2"
    cursor = ""
    while cursor is not None:
        page = user("GET", f"{path}{cursor and '&cursor='}{cursor}").json()
        names.append([each["name"] for each in page["items"]])
        cursor = page["next"]

    assert names == [["seek-c", "seek-b"], ["seek-a"]]
    for narrowed, expected in (
        ("type=aes-128", ["seek-b", "seek-a"]),
        ("type=aes-128&sort=name", ["seek-a", "seek-b"]),
        ("state=active&type=aes-192", ["seek-c"]),
        ("state=compromised", []),
        ("expiring=30", []),
        ("pending=true", []),
        ("pending=false&sort=-created", ["seek-c", "seek-a", "seek-b"]),
        ("sort=deactivation_date", ["seek-b", "seek-a", "seek-c"]),
    ):
        page = user("GET", f"/keys?search=seek&{narrowed}").json()
        assert [each["name"] for each in page["items"]] == expected, narrowed


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("type=des", "type"),
        ("sort=colour", "sort"),
        ("expiring=0", "expiring"),
        ("cursor=x", "cursor"),
        ("sort=name&cursor=018f0000-0000-7000-8000-000000000000", "cursor"),
        ("cursor=a~018f0000-0000-7000-8000-000000000000", "cursor"),
        ("search=a&name=b", "search"),
    ],
)
def test_what_keys_cannot_be_searched_by_is_refused(user: Person, query: str, field: str) -> None:
    refused(user("GET", f"/keys?{query}"), 422, "invalid-input", field)
