"""Deleting, recovering and purging keys, and what time does to deleted ones."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from tests.emulator.keys.conftest import MakeCall

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import backup, deleting, making, reading, rows
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.listing import list_deleted, read_page

DAY = 86_400


def test_a_deleted_key_is_gone_and_found_among_the_deleted(call: Call) -> None:
    made = making.create(call, "key", {"kty": "EC"})
    deleted = deleting.delete(call, "KEY")
    assert deleted == deleting.get_deleted(call, "key")
    assert deleted["key"] == made["key"]
    assert deleted["recoveryId"] == "https://contoso-kv.vault.azure.net/deletedkeys/key"
    assert abs(deleted["deletedDate"] - clock.now()) < 60
    assert deleted["scheduledPurgeDate"] == deleted["deletedDate"] + 90 * DAY
    operations: list[Callable[[], Any]] = [lambda: reading.get(call, "key", None), lambda: deleting.delete(call, "key")]
    for operation in operations:
        with pytest.raises(AzureFailure) as missing:
            operation()
        assert (missing.value.status, missing.value.code) == (404, "KeyNotFound")


def test_the_name_of_a_deleted_key_is_taken(call: Call) -> None:
    making.create(call, "key", {"kty": "EC"})
    blob = backup.back_up(call, "key")
    deleting.delete(call, "key")
    operations: list[Callable[[], Any]] = [
        lambda: making.create(call, "KEY", {"kty": "EC"}),
        lambda: backup.restore(call, blob),
    ]
    for operation in operations:
        with pytest.raises(AzureFailure) as taken:
            operation()
        assert (taken.value.status, taken.value.code, taken.value.inner) == (
            409,
            "Conflict",
            "ObjectIsDeletedButRecoverable",
        )
        assert "is currently in a deleted but recoverable state, and its name cannot be reused" in taken.value.message


def test_a_recovered_key_is_what_it_was(call: Call) -> None:
    first = making.create(call, "key", {"kty": "EC"})
    second = making.create(call, "key", {"kty": "RSA"})
    deleting.delete(call, "key")
    assert deleting.recover(call, "key") == second
    assert reading.get(call, "key", first["key"]["kid"][-32:]) == first
    with pytest.raises(AzureFailure) as missing:
        deleting.get_deleted(call, "key")
    assert (missing.value.status, missing.value.message) == (404, "Deleted Key not found: key")


def test_purge_protection_stands_against_everybody(call: Call) -> None:
    making.create(call, "key", {"kty": "EC"})
    deleting.delete(call, "key")
    with pytest.raises(AzureFailure) as refused:
        deleting.purge(call, "key")
    assert (refused.value.status, refused.value.code) == (403, "Forbidden")
    assert 'Operation "purge" is not allowed because purge protection is enabled' in refused.value.message
    assert deleting.get_deleted(call, "key")


def test_a_purged_key_is_gone_with_its_material(make_call: MakeCall) -> None:
    call = make_call(purge_protection=False)
    making.create(call, "key", {"kty": "EC"})
    deleting.delete(call, "key")
    deleting.purge(call, "key")
    with call.state.read() as connection:
        assert connection.execute("SELECT count(*) FROM key_versions").fetchone()[0] == 0
    assert making.create(call, "key", {"kty": "EC"})


@pytest.mark.parametrize("operation", [deleting.purge, deleting.recover, deleting.get_deleted])
def test_a_live_key_is_not_among_the_deleted(operation: Callable[[Call, str], Any], make_call: MakeCall) -> None:
    call = make_call(purge_protection=False)
    making.create(call, "key", {"kty": "EC"})
    for name in ("key", "other"):
        with pytest.raises(AzureFailure, match=f"Deleted Key not found: {name}") as missing:
            operation(call, name)
        assert missing.value.status == 404


def test_time_purges_what_nobody_may(make_call: MakeCall) -> None:
    call = make_call(retention_days=7)
    with time_machine.travel(1_800_000_000, tick=False) as machine:
        making.create(call, "key", {"kty": "EC"})
        deleting.delete(call, "key")
        machine.move_to(1_800_000_000 + 7 * DAY - 1)
        assert deleting.get_deleted(call, "key")["scheduledPurgeDate"] == 1_800_000_000 + 7 * DAY
        machine.move_to(1_800_000_000 + 7 * DAY)
        with pytest.raises(AzureFailure, match="Deleted Key not found"):
            deleting.recover(call, "key")
        assert list_deleted(call, read_page({}))["value"] == []
        again = making.create(call, "key", {"kty": "EC"})
        with call.state.read() as connection:
            assert connection.execute("SELECT count(*) FROM key_versions").fetchone()[0] == 1
        assert reading.get(call, "key", None) == again


def test_the_keys_of_a_vault_that_is_purged_go_with_it(make_call: MakeCall) -> None:
    call, other = make_call(), make_call(name="fabrikam-kv")
    for each in (call, other):
        making.create(each, "key", {"kty": "EC"})
    with call.state.write() as connection:
        rows.forget_vault(connection, "CONTOSO-KV")
    with pytest.raises(AzureFailure):
        reading.get(call, "key", None)
    assert reading.get(other, "key", None)
