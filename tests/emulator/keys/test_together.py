"""Many callers at once: every answer is a version that is there, and a name never belongs to two keys."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.emulator.keys.conftest import MakeCall
from tests.emulator.keys.wire import signed_in

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import backup, deleting, listing, making, material
from keyferry.emulator.keys.call import Call
from keyferry.emulator.server import Running

TIMES = 12


def outcomes(operation: Any) -> list[Any]:
    """What each of many threads got: the answer, or the inner or outer code of the refusal."""

    def run(number: int) -> Any:
        try:
            return operation(number)
        except AzureFailure as failure:
            return failure.inner or failure.code

    with ThreadPoolExecutor(TIMES) as pool:
        return list(pool.map(run, range(TIMES)))


def test_one_name_asked_for_by_many_becomes_one_key_with_as_many_versions(call: Call) -> None:
    made = outcomes(
        lambda number: making.create(call, "key" if number % 2 else "KEY", {"kty": "EC"})["key"]["kid"][-32:]
    )
    listed = listing.list_versions(call, "key", listing.read_page({}))["value"]
    assert len(listing.list_keys(call, listing.read_page({}))["value"]) == 1
    assert sorted(made) == sorted(item["kid"][-32:] for item in listed)
    assert len(set(made)) == TIMES


def test_a_backup_restored_by_many_is_restored_once(make_call: MakeCall) -> None:
    call = make_call(purge_protection=False)
    making.create(call, "key", {"kty": "EC"})
    blob = backup.back_up(call, "key")
    deleting.delete(call, "key")
    deleting.purge(call, "key")
    got = outcomes(lambda _: backup.restore(call, blob))
    assert sorted(each for each in got if isinstance(each, str)) == ["Conflict"] * (TIMES - 1)
    assert len(listing.list_versions(call, "key", listing.read_page({}))["value"]) == 1


def test_a_key_deleted_by_many_while_others_make_versions_is_deleted_once(call: Call) -> None:
    making.create(call, "key", {"kty": "EC"})
    got = outcomes(
        lambda number: deleting.delete(call, "key") if number % 2 else making.create(call, "key", {"kty": "EC"})
    )
    deletions = [each for each in got if isinstance(each, dict) and "recoveryId" in each]
    assert len(deletions) == 1
    refusals = {each for each in got if isinstance(each, str)}
    assert refusals <= {"KeyNotFound", "ObjectIsDeletedButRecoverable"}
    assert deleting.get_deleted(call, "key")["deletedDate"] == deletions[0]["deletedDate"]


@pytest.mark.parametrize("how", ["create", "restore"])
def test_a_key_that_takes_longer_than_its_vault_lives_does_not_turn_up_in_the_next_of_that_name(
    how: str, fresh_emulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    vaults = fresh_emulator.emulator.vaults
    subscription = fresh_emulator.subscriptions[0]
    with signed_in(fresh_emulator) as wire:
        name = wire.make_vault("short-lived")
        wire.ask("POST", "/keys/key/create", {"kty": "EC"}, vault=name)
        backup_of_key = wire.ask("POST", "/keys/key/backup", vault=name).body

        def slowly(work: Callable[..., Any]) -> Callable[..., Any]:
            def outlive(*given: Any) -> Any:
                found = vaults.named(name)
                assert found is not None
                vaults.delete(found)
                vaults.purge(vaults.require_deleted(subscription, found.location, name))
                return work(*given)

            return outlive

        monkeypatch.setattr(making, "generate_ec", slowly(material.generate_ec))
        monkeypatch.setattr(backup, "_opened", slowly(backup._opened))
        path, body = {
            "create": ("/keys/late/create", {"kty": "EC"}),
            "restore": ("/keys/restore", backup_of_key),
        }[how]
        assert wire.ask("POST", path, body, vault=name).error[:2] == (404, "VaultNotFound")
        assert wire.ask("GET", "/keys", vault=wire.make_vault("short-lived")).body["value"] == []
