"""Keys ready before they are asked for: filled when idle, handed out once, dropped when they are not as they were."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import text
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry.custody.filling import Filling
from keyferry.custody.generation import Generation, Made, generated
from keyferry.custody.key_batches import WantedKey
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.keys import NewKey
from keyferry.custody.pool import Pool
from keyferry.material.algorithms import ALGORITHMS, Algorithm
from keyferry.material.keys import Material, identify
from keyferry.status import status
from keyferry.testing import Kek, Kit

RSA = ALGORITHMS["rsa-2048"]


@pytest.fixture(scope="module")
def materials() -> list[Material]:
    return [generated(RSA).material for _ in range(3)]


@pytest.fixture
def kit(make_kit: Callable[..., Kit]) -> Kit:
    return make_kit(pool=True, pool_rsa_2048=3, pool_rsa_3072=0, pool_rsa_4096=0)


@pytest.fixture
def ready(kit: Kit, materials: list[Material]) -> list[Made]:
    """The pool's keys, the oldest first."""
    made = [Made(material, identify(material)) for material in materials]
    assert all(kit.custody.pool.put(each) for each in made)
    return made


@pytest.fixture
def no_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(algorithm: Algorithm) -> Material:
        raise AssertionError(f"a key of type {algorithm.name} was generated")

    monkeypatch.setattr("keyferry.custody.generation.generate", generate)


def change(kit: Kit, statement: str, **values: object) -> None:
    """Change rows behind Keyferry's back."""
    with kit.installation.store.engine.begin() as connection:
        connection.execute(text(statement), values)


def in_pool(kit: Kit) -> list[str]:
    return sorted(row["id"] for row in rows(kit, "pool_keys"))


class TestTaking:
    def test_a_new_key_is_the_one_that_has_waited_the_longest(
        self, kit: Kit, ready: list[Made], kek: Kek, no_generation: None
    ) -> None:
        kim = kit.user("kim")
        detail = kit.key(kim, "rsa-2048")
        assert detail.version.id == ready[0].version_id
        assert detail.version.spki_sha256 == ready[0].identity.spki_sha256
        assert detail.version.thumbprint == ready[0].identity.thumbprint
        assert detail.version.origin == "generated"
        assert in_pool(kit) == [ready[1].version_id, ready[2].version_id]
        assert kit.export(kim, detail.key.id, kek).content

    def test_so_is_a_new_version(self, kit: Kit, ready: list[Made], no_generation: None) -> None:
        kim = kit.user("kim")
        key = kit.key(kim, "rsa-2048").key
        rotated = kit.custody.states.rotate(kim, key.id)
        assert rotated.version.id == ready[1].version_id
        assert in_pool(kit) == [ready[2].version_id]

    def test_its_audit_event_is_as_that_of_any_other(self, kit: Kit, ready: list[Made]) -> None:
        kim = kit.user("kim")
        kit.key(kim, "rsa-2048")
        kit.key(kim, "aes-256")
        from_pool, other = events_of(kit, "key.generate")
        assert set(details_of(from_pool)) == set(details_of(other))
        assert from_pool.actor_name == "kim"

    def test_an_empty_pool_is_no_hindrance(self, kit: Kit, ready: list[Made], materials: list[Material]) -> None:
        kim = kit.user("kim")
        made = [kit.key(kim, "rsa-2048") for _ in range(4)]
        assert len({detail.version.spki_sha256 for detail in made}) == 4
        assert in_pool(kit) == []

    def test_what_is_refused_takes_nothing(self, kit: Kit, ready: list[Made], monkeypatch: pytest.MonkeyPatch) -> None:
        kim = kit.user("kim")
        before = in_pool(kit)
        pool = kit.custody.pool
        take = pool.take

        def taking(tx: object, algorithm: Algorithm) -> Made | None:
            taken.append(take(tx, algorithm))  # type: ignore[arg-type]  # handed on as it is
            raise refusal

        taken: list[Made | None] = []
        refusal = RuntimeError("the power went")
        monkeypatch.setattr(pool, "take", taking)
        with pytest.raises(RuntimeError):
            kit.key(kim, "rsa-2048")
        assert [each and each.version_id for each in taken] == [ready[0].version_id]
        assert in_pool(kit) == before

    def test_a_name_that_is_taken_is_refused_before(self, kit: Kit, ready: list[Made]) -> None:
        kim = kit.user("kim")
        kit.key(kim, name="tenant")
        with refused("name-taken", "name"):
            kit.key(kim, "rsa-2048", "tenant")
        assert len(in_pool(kit)) == 3

    def test_nothing_in_a_row_is_readable(self, kit: Kit, ready: list[Made]) -> None:
        for row, made in zip(sorted(rows(kit, "pool_keys"), key=lambda row: str(row["id"])), ready, strict=True):
            assert made.material.secret.reveal()[40:72] not in bytes(row["material"])

    def test_a_batch_takes_what_there_is_and_generates_the_rest(self, kit: Kit, ready: list[Made]) -> None:
        kim = kit.user("kim")
        wanted = [WantedKey(NewKey(algorithm="rsa-2048"))] * 4
        chunks = list(kit.custody.key_batches.generate(kim, wanted))
        made = [outcome for chunk in chunks for outcome in chunk if isinstance(outcome, KeyDetail)]
        assert [each.version.id for each in made[:3]] == [each.version_id for each in ready]
        assert len({each.version.spki_sha256 for each in made}) == 4
        assert in_pool(kit) == []


class TestRowsThatWereChanged:
    def require_dropped(self, kit: Kit, row_id: str) -> None:
        """The row was not used, is gone after the next tidying, and the audit log says so once."""
        assert row_id in in_pool(kit)
        kit.custody.pool.tidy()
        kit.custody.pool.tidy()
        assert row_id not in in_pool(kit)
        (event,) = events_of(kit, "key.generate", "failed")
        assert (event.object_type, event.object_id, event.code) == ("pool-key", row_id, "row-tampered")
        assert row_id in details_of(event)["detail"]

    def test_an_edited_row_is_passed_over_and_dropped(self, kit: Kit, ready: list[Made]) -> None:
        kim = kit.user("kim")
        change(kit, "UPDATE pool_keys SET thumbprint = 'x' WHERE id = :id", id=ready[0].version_id)
        assert kit.key(kim, "rsa-2048").version.id == ready[1].version_id
        self.require_dropped(kit, ready[0].version_id)

    def test_a_row_with_the_material_of_another_too(self, kit: Kit, ready: list[Made]) -> None:
        kim = kit.user("kim")
        first, second, _ = (each.version_id for each in ready)
        statement = "UPDATE pool_keys SET material = (SELECT material FROM pool_keys WHERE id = :b) WHERE id = :a"
        change(kit, statement, a=first, b=second)
        assert kit.key(kim, "rsa-2048").version.id == second
        self.require_dropped(kit, first)

    def test_a_row_that_was_put_back_is_not_handed_out_again(self, kit: Kit, ready: list[Made]) -> None:
        """Its seal is right, but its key is somebody's already."""
        kim = kit.user("kim")
        change(kit, "CREATE TABLE kept AS SELECT * FROM pool_keys")
        first = kit.key(kim, "rsa-2048")
        change(kit, "INSERT INTO pool_keys SELECT * FROM kept WHERE id = :id", id=first.version.id)
        second = kit.key(kim, "rsa-2048")
        assert second.version.spki_sha256 != first.version.spki_sha256
        self.require_dropped(kit, first.version.id)

    def test_a_row_of_another_type_is_not_taken_for_it(self, kit: Kit, ready: list[Made], kek: Kek) -> None:
        change(kit, "UPDATE pool_keys SET algorithm = 'rsa-3072'")
        assert kit.custody.pool.counts() == {}
        detail = kit.key(kit.user("kim"), "rsa-2048")
        assert detail.version.id not in {each.version_id for each in ready}

    def test_with_nothing_but_bad_rows_a_key_is_generated(self, kit: Kit, ready: list[Made]) -> None:
        kim = kit.user("kim")
        change(kit, "UPDATE pool_keys SET seal = material")
        detail = kit.key(kim, "rsa-2048")
        assert detail.version.id not in {each.version_id for each in ready}
        kit.custody.pool.tidy()
        assert in_pool(kit) == []
        assert len(events_of(kit, "key.generate", "failed")) == 3


KILLED = """
import os, signal, sys
from pathlib import Path
from keyferry.testing import Kit

kit = Kit.open(Path(sys.argv[1]))
pool = kit.custody.pool
take = pool.take

def taking(tx, algorithm):
    print(take(tx, algorithm).version_id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

pool.take = taking
kit.key(kit.administrator, "rsa-2048", group="payments")
"""


def test_a_server_that_is_killed_between_taking_and_storing_has_taken_nothing(kit: Kit, ready: list[Made]) -> None:
    kim = kit.user("kim", groups=("payments",))
    home = str(kit.installation.settings.home)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEYFERRY_")}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, home], capture_output=True, text=True, check=False, env=environment, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert killed.stdout.strip() == ready[0].version_id
    assert in_pool(kit) == [each.version_id for each in ready]
    assert not any(row["id"] == ready[0].version_id for row in rows(kit, "key_versions"))
    assert kit.key(kim, "rsa-2048").version.id == ready[0].version_id


class TestFilling:
    @pytest.fixture
    def idle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))

    @pytest.fixture
    def quick(self, monkeypatch: pytest.MonkeyPatch, materials: list[Material]) -> None:
        """Keys that are generated are taken from a few: what they are does not matter here."""
        monkeypatch.setattr("keyferry.custody.generation.generate", lambda _: materials[0])

    def filling(self, kit: Kit, generation: Generation | None = None) -> Filling:
        return Filling(kit.custody.pool, generation or kit.custody.generation)

    def test_it_fills_up_what_is_to_be_there(self, kit: Kit, idle: None, quick: None) -> None:
        assert self.filling(kit).fill() == 3
        assert kit.custody.pool.counts() == {"rsa-2048": 3}
        assert self.filling(kit).fill() == 0

    def test_not_while_somebody_generates(self, kit: Kit, idle: None, quick: None) -> None:
        with kit.custody.generation.spare_turn() as only:
            assert only
            turns = kit.custody.generation.at_once
            assert self.filling(kit).fill() == (0 if turns == 1 else 3)

    def test_not_just_after_somebody_asked(self, kit: Kit, idle: None, quick: None) -> None:
        kit.custody.generation.material(RSA)
        assert self.filling(kit).fill() == 0

    def test_not_under_load(self, kit: Kit, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.getloadavg", lambda: (1000.0, 0.0, 0.0))
        assert self.filling(kit).fill() == 0

    def test_a_key_too_many_is_not_kept(self, kit: Kit, ready: list[Made], materials: list[Material]) -> None:
        assert not kit.custody.pool.put(Made(materials[0], identify(materials[0])))
        assert len(in_pool(kit)) == 3

    def test_a_smaller_pool_keeps_the_oldest(self, kit: Kit, ready: list[Made]) -> None:
        made = kit.installation
        Pool(made.store, made.sealer, {"rsa-2048": 1}).tidy()
        assert in_pool(kit) == [ready[0].version_id]

    def test_a_pool_that_is_off_keeps_and_gives_none(self, kit: Kit, ready: list[Made], idle: None) -> None:
        made = kit.installation
        off = Pool(made.store, made.sealer, {})
        assert off.counts() == {}
        assert off.wanted() is None
        assert self.filling_of(off).fill() == 0
        assert in_pool(kit) == []

    def filling_of(self, pool: Pool) -> Filling:
        return Filling(pool, Generation(pool))

    def test_its_thread_ends_when_it_is_told(self, kit: Kit, idle: None, quick: None) -> None:
        running = self.filling(kit)
        running.start()
        running.stop()
        assert len(in_pool(kit)) in {0, 3}


def test_status_shows_the_stock(kit: Kit, ready: list[Made]) -> None:
    kit.key(kit.user("kim"), "rsa-2048")
    found = status(kit.installation.settings)
    assert found["pool"]["rsa-2048"] == {"ready": 2, "size": 3}
