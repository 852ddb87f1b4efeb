"""Enable: only what was validated, with both keys really at work, and kept over a restart."""

import hashlib
import uuid
from pathlib import Path

import pytest
from tests.emulator.calling import error_of, operator_of
from tests.emulator.onboarding.pair import PATH, Pair, failed

from keyferry.emulator.emulator import Emulator
from keyferry.emulator.keys import encoding
from keyferry.emulator.onboarding.content import Content
from keyferry.emulator.onboarding.members import Member
from keyferry.emulator.onboarding.validation import look_up_pair
from keyferry.emulator.server import running


def test_a_validated_pair_is_activated(pair: Pair) -> None:
    assert pair.send("Validate").json()["ValidationResult"] == "Success"
    answer = pair.send("Enable")
    assert answer.status_code == 201
    found = answer.json()
    assert found["OnboardingMode"] == "Enable"
    assert found["ValidationResult"] == "Success"
    assert found["EnablementResult"] == "Success"
    assert found["Status"] == "Active"
    assert "Nothing was sent to Microsoft" in found["StandIn"]
    proofs = [each["Subject"] for each in found["PassedValidations"] if each["Validation"] == "WrapAndUnwrap"]
    assert proofs == [pair.body["KeyIdentifier1"], pair.body["KeyIdentifier2"]]
    assert found["ActiveKeys"] == [
        {"KeyIdentifier": pair.body["KeyIdentifier1"], "OpensRootSecret": True},
        {"KeyIdentifier": pair.body["KeyIdentifier2"], "OpensRootSecret": True},
    ]
    assert pair.shown(found["ID"]) == found


def test_only_wrapped_copies_of_the_secret_and_its_digest_are_kept(pair: Pair) -> None:
    pair.send("Validate")
    request_id = pair.send("Enable").json()["ID"]
    with pair.operator.served.emulator.state.read() as connection:
        row = connection.execute("SELECT * FROM customer_keys WHERE request_id = ?", (request_id,)).fetchone()
    secrets = []
    for number, name in enumerate(pair.names, 1):
        body = {"alg": row["algorithm"], "value": encoding.encode(row[f"wrapped{number}"])}
        assert len(row[f"wrapped{number}"]) == 256
        opened = pair.operator.key("POST", name, "/keys/root/unwrapkey", body).json()["value"]
        secrets.append(encoding.decode(opened))
    assert secrets[0] == secrets[1]
    assert len(secrets[0]) == 32
    assert hashlib.sha256(secrets[0]).digest() == row["secret_sha256"]
    assert not any(secrets[0] in bytes(value) for value in row if isinstance(value, bytes))


def test_enabling_again_answers_what_is_active(pair: Pair) -> None:
    pair.send("Validate")
    first = pair.send("Enable").json()
    again = pair.send("Enable")
    assert again.status_code == 200
    assert again.json() == first


def test_nothing_is_enabled_that_was_not_validated(pair: Pair) -> None:
    status, code, message = error_of(pair.send("Enable"))
    assert (status, code) == (409, "ValidationRequired")
    assert "OnboardingMode Validate" in message
    pair.send("Validate")
    other = pair.body["Contacts"] | {"organization": "Fabrikam Ltd"}
    assert error_of(pair.send("Enable", Contacts=other))[:2] == (409, "ValidationRequired")


def test_a_validation_that_failed_opens_nothing(pair: Pair) -> None:
    pair.send("Validate")
    pair.change_key(attributes={"enabled": False})
    assert failed(pair.send("Validate")) == {"KeyEnabled"}
    pair.change_key(attributes={"enabled": True})
    assert error_of(pair.send("Enable"))[:2] == (409, "ValidationRequired")


def test_everything_is_validated_again_when_it_is_enabled(pair: Pair) -> None:
    pair.send("Validate")
    assert pair.operator.send("DELETE", pair.grants[0]).status_code == 200
    answer = pair.send("Enable")
    assert "ServicePrincipalMayWrapKey" in failed(answer)
    assert answer.json()["EnablementResult"] == "Failed"
    assert answer.json()["Status"] == "Refused"
    assert "ActiveKeys" not in answer.json()


def test_a_key_that_fails_at_work_is_not_activated(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What validates and then fails is a race; here the second look finds the key disabled."""
    pair.send("Validate")

    def disabled_meanwhile(emulator: Emulator, content: Content) -> tuple[Member, Member]:
        pair.change_key(attributes={"enabled": False})
        return look_up_pair(emulator, content)

    monkeypatch.setattr("keyferry.emulator.onboarding.requests.look_up_pair", disabled_meanwhile)
    found = pair.send("Enable").json()
    assert found["ValidationResult"] == "Success"
    assert found["EnablementResult"] == "Failed"
    assert found["Status"] == "Refused"
    (reason,) = found["FailedValidations"]
    assert reason["Validation"] == "WrapAndUnwrap"
    assert reason["Subject"] == pair.body["KeyIdentifier1"]
    assert "disabled" in reason["Detail"]


def test_of_two_who_enable_at_once_one_is_told_of_the_other(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.send("Validate")
    others: list[str] = []

    def enabled_meanwhile(emulator: Emulator, content: Content) -> tuple[Member, Member]:
        monkeypatch.undo()
        others.append(pair.send("Enable").json()["Status"])
        return look_up_pair(emulator, content)

    monkeypatch.setattr("keyferry.emulator.onboarding.requests.look_up_pair", enabled_meanwhile)
    assert error_of(pair.send("Enable"))[:2] == (409, "AlreadyActive")
    assert others == ["Active"]


def test_an_active_pair_tells_when_a_key_opens_no_more(pair: Pair) -> None:
    pair.send("Validate")
    request_id = pair.send("Enable").json()["ID"]

    def opens() -> list[bool]:
        return [each["OpensRootSecret"] for each in pair.shown(request_id)["ActiveKeys"]]

    pair.change_key(attributes={"enabled": False})
    assert opens() == [False, True]
    pair.change_key(attributes={"enabled": True})
    pair.operator.send("DELETE", pair.grants[1])
    assert opens() == [True, False]
    pair.operator.key("DELETE", pair.names[0], "/keys/root")
    assert opens() == [False, False]
    pair.operator.send("DELETE", pair.vaults[1])
    assert opens() == [False, False]
    assert pair.shown(request_id)["Status"] == "Active"


def test_an_unversioned_pair_is_activated_with_the_versions_that_wrapped(pair: Pair) -> None:
    bare = {f"KeyIdentifier{n}": pair.body[f"KeyIdentifier{n}"].rpartition("/")[0] for n in (1, 2)}
    assert pair.send("Validate", **bare).json()["ValidationResult"] == "Success"
    found = pair.send("Enable", **bare).json()
    wrapped = [each["KeyIdentifier"] for each in found["ActiveKeys"]]
    assert wrapped == [pair.body["KeyIdentifier1"], pair.body["KeyIdentifier2"]]
    pair.add_key(pair.names[0])
    assert [each["OpensRootSecret"] for each in pair.shown(found["ID"])["ActiveKeys"]] == [True, True]


def test_an_unknown_request_is_not_found(pair: Pair) -> None:
    answer = pair.operator.send("GET", f"{PATH}/{uuid.uuid4()}", version=None)
    assert error_of(answer)[:2] == (404, "RequestNotFound")
    assert "StandIn" in answer.json()


def test_requests_are_listed_by_organization(pair: Pair) -> None:
    made = pair.send().json()
    listed = pair.operator.send("GET", PATH, version=None, OrganizationId=made["OrganizationId"].upper()).json()
    assert made in listed["value"]
    assert "StandIn" in listed
    assert pair.operator.send("GET", PATH, version=None, OrganizationId=str(uuid.uuid4())).json()["value"] == []


def test_requests_and_activated_keys_are_there_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "home") as before, operator_of(before) as operator:
        pair = Pair.make(operator)
        pair.send("Validate")
        made = pair.send("Enable").json()
    with running(tmp_path / "home") as after, operator_of(after) as operator:
        assert operator.send("GET", f"{PATH}/{made['ID']}", version=None).json() == made
        assert len(operator.send("GET", PATH, version=None).json()["value"]) == 2
