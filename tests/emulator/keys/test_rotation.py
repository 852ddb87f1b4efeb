"""Rotation by request, rotation policies and their durations."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator.keys.transfer import number

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import deleting, durations, listing, making, material, reading, rotation
from keyferry.emulator.keys.call import Call

DEFAULT = [{"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}}]


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def rotate_when(name: str, text: str) -> dict[str, Any]:
    return {"trigger": {name: text}, "action": {"type": "Rotate"}}


# rotating


def test_a_rotated_key_has_a_new_version_like_the_old(call: Call) -> None:
    old = making.create(
        call,
        "key",
        {"kty": "RSA-HSM", "key_size": 3072, "key_ops": ["wrapKey"], "tags": {"a": "b"}, "attributes": {"nbf": 5}},
    )
    new = making.rotate(call, "KEY")
    assert new["key"]["kid"] != old["key"]["kid"]
    assert new["key"]["n"] != old["key"]["n"]
    assert number(new["key"]["n"]).bit_length() == 3072
    assert (new["key"]["kty"], new["key"]["key_ops"], new["tags"]) == ("RSA-HSM", ["wrapKey"], {"a": "b"})
    assert "nbf" not in new["attributes"]
    assert "exp" not in new["attributes"]
    assert reading.get(call, "key", None) == new
    assert len(listing.list_versions(call, "key", listing.read_page({}))["value"]) == 2


def test_a_curve_key_stays_on_its_curve(call: Call) -> None:
    making.create(call, "key", {"kty": "EC", "crv": "P-521"})
    assert making.rotate(call, "key")["key"]["crv"] == "P-521"


def test_a_new_version_expires_when_the_policy_says(call: Call) -> None:
    making.create(call, "key", {"kty": "EC"})
    rotation.set_policy(call, "key", {"attributes": {"expiryTime": "P1M10D"}})
    with time_machine.travel(moment("2031-01-31"), tick=False):
        made = making.rotate(call, "key")
    assert made["attributes"]["exp"] == moment("2031-03-10")


def test_a_disabled_key_is_not_rotated(call: Call) -> None:
    made = making.create(call, "key", {"kty": "EC", "attributes": {"enabled": False}})
    with pytest.raises(AzureFailure) as refused:
        making.rotate(call, "key")
    assert (refused.value.status, refused.value.inner) == (403, "KeyDisabled")
    assert reading.get(call, "key", None) == made


@pytest.mark.parametrize("deleted", [False, True])
def test_what_is_not_there_is_not_rotated(deleted: bool, call: Call) -> None:
    if deleted:
        making.create(call, "key", {"kty": "EC"})
        deleting.delete(call, "key")
    operations: list[Callable[[], Any]] = [
        lambda: making.rotate(call, "key"),
        lambda: rotation.get_policy(call, "key"),
        lambda: rotation.set_policy(call, "key", {}),
    ]
    for operation in operations:
        with pytest.raises(AzureFailure) as missing:
            operation()
        assert (missing.value.status, missing.value.code) == (404, "KeyNotFound")


def test_a_key_that_goes_while_it_is_rotated_is_not_made_anew(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    making.create(call, "key", {"kty": "EC"})

    def slowly(public: Any) -> Any:
        with call.state.write() as connection:
            connection.execute("DELETE FROM keys")
        return material.like(public)

    monkeypatch.setattr(making, "like", slowly)
    with pytest.raises(AzureFailure) as missing:
        making.rotate(call, "key")
    assert missing.value.status == 404
    assert listing.list_keys(call, listing.read_page({}))["value"] == []


# policies


def test_every_key_begins_with_the_same_policy(call: Call) -> None:
    making.create(call, "key", {"kty": "EC"})
    assert rotation.get_policy(call, "KEY") == {
        "id": "https://contoso-kv.vault.azure.net/keys/key/rotationpolicy",
        "lifetimeActions": DEFAULT,
        "attributes": {"expiryTime": None},
    }


def test_a_policy_is_kept_and_shown(call: Call) -> None:
    making.create(call, "key", {"kty": "EC"})
    actions = [
        {"trigger": {"timeAfterCreate": "P3M", "timeBeforeExpiry": None}, "action": {"type": "rotate"}},
        {"trigger": {"timeBeforeExpiry": "P10D"}, "action": {"type": "NOTIFY"}},
    ]
    with time_machine.travel(moment("2031-01-01"), tick=False) as machine:
        rotation.set_policy(call, "key", {"lifetimeActions": actions, "attributes": {"expiryTime": "P1Y"}})
        machine.move_to(moment("2031-02-01"))
        shown = rotation.set_policy(call, "key", {"lifetimeActions": actions, "attributes": {"expiryTime": "P2Y"}})
    assert shown == rotation.get_policy(call, "key")
    assert shown["lifetimeActions"] == [
        rotate_when("timeAfterCreate", "P3M"),
        {"trigger": {"timeBeforeExpiry": "P10D"}, "action": {"type": "Notify"}},
    ]
    assert shown["attributes"] == {
        "expiryTime": "P2Y",
        "created": moment("2031-01-01"),
        "updated": moment("2031-02-01"),
    }


def test_an_empty_list_of_actions_and_no_list_are_two_things(call: Call) -> None:
    making.create(call, "key", {"kty": "EC"})
    assert rotation.set_policy(call, "key", {"lifetimeActions": []})["lifetimeActions"] == []
    assert rotation.set_policy(call, "key", {"attributes": {}})["lifetimeActions"] == DEFAULT


WRONG_POLICIES: dict[str, tuple[dict[str, Any], str]] = {
    "expiry of 27 days": ({"attributes": {"expiryTime": "P27D"}}, "at least 28 days"),
    "expiry a number": ({"attributes": {"expiryTime": 90}}, "it is not a string"),
    "expiry no duration": ({"attributes": {"expiryTime": "90D"}}, "no ISO 8601 duration"),
    "actions an object": ({"lifetimeActions": {}}, "it is not a list of objects"),
    "actions of strings": ({"lifetimeActions": ["Rotate"]}, "it is not a list of objects"),
    "no type": ({"lifetimeActions": [{"trigger": {"timeAfterCreate": "P30D"}}]}, "neither Rotate nor Notify"),
    "another type": ({"lifetimeActions": [{"action": {"type": "Delete"}}]}, "neither Rotate nor Notify"),
    "no trigger": ({"lifetimeActions": [{"action": {"type": "Rotate"}}]}, "Rotate has one of timeAfterCreate"),
    "two triggers": (
        {
            "lifetimeActions": [
                {"trigger": {"timeAfterCreate": "P30D", "timeBeforeExpiry": "P30D"}, "action": {"type": "Rotate"}}
            ]
        },
        "Rotate has one of timeAfterCreate",
    ),
    "two of a type": ({"lifetimeActions": [rotate_when("timeAfterCreate", "P30D")] * 2}, "at most one Rotate"),
    "a notice after creation": (
        {"lifetimeActions": [{"trigger": {"timeAfterCreate": "P30D"}, "action": {"type": "Notify"}}]},
        "Notify has timeBeforeExpiry, not timeAfterCreate",
    ),
    "before no expiry": (
        {"lifetimeActions": [rotate_when("timeBeforeExpiry", "P30D")]},
        "to rotate so, the policy needs an expiryTime",
    ),
    "an interval of 6 days": ({"lifetimeActions": [rotate_when("timeAfterCreate", "P6D")]}, "it is at least 7 days"),
    "an interval too near the expiry": (
        {"lifetimeActions": [rotate_when("timeAfterCreate", "P22D")], "attributes": {"expiryTime": "P28D"}},
        "at least 7 days shorter than expiryTime",
    ),
    "an interval that is none": ({"lifetimeActions": [rotate_when("timeAfterCreate", "P")]}, "no ISO 8601 duration"),
}


@pytest.mark.parametrize("case", WRONG_POLICIES)
def test_a_policy_that_cannot_be_kept_is_refused(case: str, call: Call) -> None:
    body, words = WRONG_POLICIES[case]
    making.create(call, "key", {"kty": "EC"})
    with pytest.raises(AzureFailure) as refused:
        rotation.set_policy(call, "key", body)
    assert (refused.value.status, refused.value.code) == (400, "BadParameter")
    assert words in refused.value.message
    assert rotation.get_policy(call, "key")["lifetimeActions"] == DEFAULT


# durations


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("P90D", "2026-01-01", "2026-04-01"),
        ("P3M", "2026-11-30", "2027-02-28"),
        ("P1Y10D", "2028-02-29", "2029-03-10"),
        ("P2W", "2026-01-01", "2026-01-15"),
        ("PT48H", "2026-01-01", "2026-01-03"),
        ("P1MT1H30M1S", "2026-01-31", "2026-02-28T01:30:01"),
        ("P9999Y", "2026-01-01", "9999-12-31T23:59:59"),
        ("P7973Y99999D", "2026-01-01", "9999-12-31T23:59:59"),
    ],
)
def test_a_duration_counts_calendar_months_and_time(text: str, start: str, end: str) -> None:
    assert durations.parse(text).after(moment(start)) == moment(end)


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1D", "P-1D", "P1.5D", "p1d", "P1D ", "P1H", "P1D1M", "P٣D"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no ISO 8601 duration"):
        durations.parse(text)


@given(st.from_regex(r"\AP([0-9]{1,4}Y)?([0-9]{1,4}M)?[0-9]{1,5}D(T[0-9]{1,6}H)?\Z"), st.integers(0, 4_000_000_000))
def test_a_duration_never_leads_back(text: str, start: int) -> None:
    if text.isascii():
        assert durations.parse(text).after(start) >= start
