"""Backups: all versions come back, where the service would let them, and a changed or foreign blob opens nowhere."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.emulator.keys.conftest import MakeCall
from tests.emulator.keys.transfer import unpadded

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import (
    algorithms,
    backup,
    deleting,
    encoding,
    listing,
    making,
    reading,
    rotation,
    rows,
    using,
)
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.geographies import geography_of
from keyferry.emulator.keys.rows import SCHEMA
from keyferry.emulator.state import State


def blob_of(answer: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64decode(answer["value"] + "==")


def refused(call: Call, blob: bytes) -> AzureFailure:
    with pytest.raises(AzureFailure) as failure:
        backup.restore(call, {"value": unpadded(blob)})
    return failure.value


def test_a_key_comes_back_with_all_its_versions_attributes_and_policy(make_call: MakeCall) -> None:
    call = make_call(purge_protection=False)
    digest = bytes(range(32))
    first = making.create(call, "Key", {"kty": "RSA-HSM", "key_ops": ["sign"], "attributes": {"exp": 4_000_000_000}})
    making.create(call, "Key", {"kty": "EC", "tags": {"a": "b"}, "attributes": {"enabled": False}})
    rotation.set_policy(call, "Key", {"attributes": {"expiryTime": "P90D"}})
    page = listing.read_page({})
    before = listing.list_versions(call, "Key", page), rotation.get_policy(call, "Key")
    blob = backup.back_up(call, "key")
    assert blob_of(blob).startswith(backup.MARKER)
    deleting.delete(call, "key")
    deleting.purge(call, "key")
    restored = backup.restore(call, blob)
    assert restored == reading.get(call, "Key", None)
    assert (listing.list_versions(call, "Key", page), rotation.get_policy(call, "Key")) == before
    version = first["key"]["kid"][-32:]
    signature = using.sign(call, "Key", version, {"alg": "RS256", "value": unpadded(digest)})["value"]
    with call.state.read() as connection:
        key = rows.find_key(connection, "contoso-kv", "Key", 0)
        assert key is not None
        found = rows.find_version(connection, key, version)
    assert found is not None
    assert algorithms.verify(found.public, "RS256", digest, encoding.decode(signature))


def test_a_backup_goes_into_another_vault_of_the_same_subscription_and_geography(make_call: MakeCall) -> None:
    making.create(make_call(), "key", {"kty": "EC"})
    blob = blob_of(backup.back_up(make_call(), "key"))
    other = make_call(name="fabrikam-kv", location="northeurope")
    assert backup.restore(other, {"value": unpadded(blob)})["key"] == reading.get(make_call(), "key", None)["key"]
    far = refused(make_call(name="far-kv", location="eastus"), blob)
    assert (far.status, far.code) == (400, "BadParameter")
    assert "the geography Europe, and is restored only there; the vault far-kv is in United States" in far.message
    foreign = refused(make_call(name="their-kv", subscription_id="3" * 8), blob)
    assert "in the subscription 11111111-1111-1111-1111-111111111111, and is restored only there" in foreign.message


def test_a_name_that_is_taken_is_refused(call: Call) -> None:
    making.create(call, "key", {"kty": "EC"})
    taken = refused(call, blob_of(backup.back_up(call, "key")))
    assert (taken.status, taken.code) == (409, "Conflict")
    assert "A key named key already exists" in taken.message


def test_a_standard_vault_takes_no_key_of_a_hardware_module(make_call: MakeCall) -> None:
    making.create(make_call(), "key", {"kty": "EC-HSM"})
    blob = blob_of(backup.back_up(make_call(), "key"))
    assert "need a key vault of the Premium tier" in refused(make_call(name="plain-kv", sku="standard"), blob).message


def test_a_backup_of_another_emulator_opens_nowhere_else(make_call: MakeCall, tmp_path: Path) -> None:
    making.create(make_call(), "key", {"kty": "EC"})
    blob = blob_of(backup.back_up(make_call(), "key"))
    elsewhere = State(tmp_path / "other.db", bytes(32), [SCHEMA])
    failure = refused(make_call(elsewhere), blob)
    elsewhere.close()
    assert (failure.status, failure.code) == (400, "BadParameter")
    assert "another emulator made it" in failure.message


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (b"", "it begins otherwise"),
        (b"{}", "it begins otherwise"),
        (b"&AzureKeyVaultKeyBackupV1.microsoft.com" + bytes(9), "one of Azure Key Vault itself"),
        (backup.MARKER, "does not open here"),
    ],
)
def test_what_is_no_backup_of_ours_is_refused(blob: bytes, words: str, call: Call) -> None:
    assert words in refused(call, blob).message


def test_a_restore_without_a_blob_is_refused(call: Call) -> None:
    with pytest.raises(AzureFailure, match="Property value has invalid value: it is missing"):
        backup.restore(call, {})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 100_000), bit=st.integers(0, 7))
def test_a_backup_with_one_bit_changed_is_refused(call: Call, position: int, bit: int) -> None:
    with call.state.read() as connection:
        missing = rows.find_key(connection, "contoso-kv", "key", 0) is None
    if missing:
        making.create(call, "key", {"kty": "EC"})
    blob = bytearray(blob_of(backup.back_up(call, "key")))
    blob[position % len(blob)] ^= 1 << bit
    assert refused(call, bytes(blob)).status == 400


def test_a_backup_shows_nothing_of_the_key(call: Call) -> None:
    making.create(call, "a-telling-name", {"kty": "EC", "tags": {"a": "telling-tag"}})
    blob = blob_of(backup.back_up(call, "a-telling-name"))
    assert b"telling" not in blob
    assert b"kty" not in blob


def test_more_versions_than_the_service_backs_up_are_refused(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "MOST_VERSIONS", 2)
    for _ in range(2):
        making.create(call, "key", {"kty": "EC"})
    assert backup.back_up(call, "key")
    making.create(call, "key", {"kty": "EC"})
    with pytest.raises(AzureFailure, match="3 versions, and at most 2"):
        backup.back_up(call, "key")


def test_regions_have_geographies() -> None:
    assert geography_of("West Europe") == geography_of("northeurope") == "Europe"
    assert geography_of("eastus2") == "United States"
    assert geography_of("polandcentral") == "polandcentral"
    assert json.dumps(geography_of("uksouth")) == '"United Kingdom"'
