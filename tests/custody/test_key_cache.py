"""Parsed keys that are kept: what spares the parsing never spares the judging."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import PostgreSql
from tests.custody.refusing import refused

from keyferry.background import Background
from keyferry.custody import use_material
from keyferry.custody.caller import Caller
from keyferry.custody.key_cache import KeyCache
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.use_values import Ciphertext
from keyferry.custody.versions import unseal
from keyferry.material.keys import Material
from keyferry.material.secret import Secret
from keyferry.store.records import KeyVersion
from keyferry.testing import Kit

COMPROMISE = RevocationReason.KEY_COMPROMISE


def version(number: int, seal: bytes = b"seal") -> KeyVersion:
    return KeyVersion(
        id=f"version-{number}",
        seal=seal,
        key_id="key",
        number=number,
        state="active",
        origin="generated",
        material=b"",
        created_at=0,
        created_by="user",
    )


def test_what_was_used_last_is_kept_and_no_more_than_that() -> None:
    cache = KeyCache(most=2)
    first, second, third = (Secret(bytes([number])) for number in range(3))
    cache.keep(version(1), first)
    cache.keep(version(2), second)
    assert cache.find(version(1)) is first
    cache.keep(version(3), third)
    assert (cache.find(version(1)), cache.find(version(2)), cache.find(version(3))) == (first, None, third)
    assert len(cache) == 2


def test_another_seal_is_another_row_and_lets_go_of_what_was_kept() -> None:
    cache = KeyCache()
    cache.keep(version(1), Secret(b"1"))
    assert cache.find(version(1, b"other")) is None
    assert len(cache) == 0
    assert cache.find(version(1)) is None


def test_another_key_s_version_of_the_same_number_is_another() -> None:
    cache = KeyCache()
    cache.keep(version(1), Secret(b"1"))
    assert cache.find(replace(version(1), key_id="other")) is None
    assert len(cache) == 1
    cache.drop(version(1))
    assert len(cache) == 0
    cache.drop(version(1))


@pytest.fixture
def unsealed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of versions, each time that one is unsealed for use."""
    found: list[str] = []

    def watched(sealer: object, key: object, version: KeyVersion) -> Material:
        found.append(version.id)
        return unseal(sealer, key, version)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(use_material, "unseal", watched)
    return found


def test_a_key_is_parsed_once_and_again_when_its_row_has_changed(kit: Kit, unsealed: list[str]) -> None:
    kim = kit.user("kim")
    key, uses = kit.key(kim).key.id, kit.custody.uses
    made = [uses.encrypt(kim, key, Secret(b"text")).ciphertext for _ in range(3)]
    for each in made:
        uses.decrypt(kim, key, Ciphertext(data=each))
    assert len(unsealed) == 1
    kit.custody.states.deactivate(kim, key)
    uses.decrypt(kim, key, Ciphertext(data=made[0]))
    assert len(unsealed) == 2
    assert len(kit.custody.key_cache) == 1


def test_what_the_public_half_can_do_unseals_nothing(kit: Kit, unsealed: list[str]) -> None:
    kim = kit.user("kim")
    key = kit.key(kim, "rsa-2048").key.id
    made = kit.custody.uses.encrypt(kim, key, Secret(b"text")).ciphertext
    assert unsealed == []
    kit.custody.uses.decrypt(kim, key, Ciphertext(data=made))
    assert len(unsealed) == 1


def test_a_kept_key_is_refused_and_let_go_of_once_it_may_not_be_used(kit: Kit) -> None:
    kim = kit.user("kim")
    key, uses = kit.key(kim).key.id, kit.custody.uses
    made = uses.encrypt(kim, key, Secret(b"text")).ciphertext
    assert len(kit.custody.key_cache) == 1
    kit.custody.states.deactivate(kim, key)
    kit.custody.states.destroy(kim, key)
    with refused("destruction-pending"):
        uses.decrypt(kim, key, Ciphertext(data=made))
    assert len(kit.custody.key_cache) == 0


def test_a_destroyed_key_goes_without_anybody_asking_for_it(make_kit: Callable[..., Kit]) -> None:
    kit = make_kit(destruction_pending="0s")
    kim = kit.user("kim")
    doomed, kept = kit.key(kim).key.id, kit.key(kim).key.id
    for key in (doomed, kept):
        kit.custody.uses.encrypt(kim, key, Secret(b"text"))
    kit.custody.key_cache.forget_changed(kit.installation.store)
    assert len(kit.custody.key_cache) == 2

    kit.custody.states.deactivate(kim, doomed)
    kit.custody.states.destroy(kim, doomed)
    Background(kit.installation).tick()

    left = kit.custody.keys.show(kim, kept).version
    assert len(kit.custody.key_cache) == 1
    assert kit.custody.key_cache.find(left) is not None


def test_more_keys_than_are_asked_about_at_once(kit: Kit) -> None:
    kim = kit.user("kim")
    found = [kit.key(kim, "aes-128").version for _ in range(70)]
    cache = KeyCache()
    for each in found:
        cache.keep(each, Secret(b"1"))
    cache.keep(replace(found[-1], id="no-such-version", key_id="gone"), Secret(b"1"))
    cache.keep(replace(found[0], seal=b"older"), Secret(b"1"))
    cache.forget_changed(kit.installation.store)
    assert len(cache) == 69
    KeyCache().forget_changed(kit.installation.store)


@pytest.fixture
def nodes(tmp_path: Path, postgresql: PostgreSql) -> Iterator[tuple[Kit, Kit]]:
    """Two servers of one installation on PostgreSQL, with keys that are erased as soon as they are destroyed."""
    url, file = postgresql.migrated(), tmp_path / "database-url"
    file.write_text(url)
    file.chmod(0o600)
    first = Kit.make(tmp_path / "home", database_file=file, destruction_pending="0s")
    second = Kit.open(tmp_path / "home")
    yield first, second
    second.close()
    first.close()
    postgresql.drop(url)


def test_what_one_node_revokes_the_other_refuses_at_once(nodes: tuple[Kit, Kit]) -> None:
    here, there = nodes
    kim: Caller = here.user("kim")
    key = here.key(kim).key.id
    made = there.custody.uses.encrypt(kim, key, Secret(b"text")).ciphertext
    assert len(there.custody.key_cache) == 1

    here.custody.states.revoke(kim, key, COMPROMISE)

    with refused("key-not-active"):
        there.custody.uses.encrypt(kim, key, Secret(b"text"))
    assert len(there.custody.key_cache) == 0
    assert there.custody.uses.decrypt(kim, key, Ciphertext(data=made)).plaintext.reveal() == b"text"


def test_what_one_node_erases_the_other_forgets(nodes: tuple[Kit, Kit]) -> None:
    here, there = nodes
    kim: Caller = here.user("kim")
    key = here.key(kim).key.id
    there.custody.uses.encrypt(kim, key, Secret(b"text"))
    here.custody.states.deactivate(kim, key)
    here.custody.states.destroy(kim, key)
    assert here.custody.jobs.run() == 1
    assert len(there.custody.key_cache) == 1

    Background(there.installation).tick()

    assert len(there.custody.key_cache) == 0
