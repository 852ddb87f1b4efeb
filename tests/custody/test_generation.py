"""Keys are generated in one place: in turns, as many at once as there are to be, and no stock is in the way."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from keyferry.custody.generation import Generation, Made, Source, cores, generated
from keyferry.custody.keys import NewKey
from keyferry.custody.policy import Role
from keyferry.custody.turns import Turns
from keyferry.errors import InternalError, InvalidInput, NotPermitted
from keyferry.material.algorithms import ALGORITHMS, Algorithm
from keyferry.material.keys import Material
from keyferry.store.transaction import Transaction
from keyferry.testing import Kit

AES, EC, RSA = ALGORITHMS["aes-256"], ALGORITHMS["ec-p256"], ALGORITHMS["rsa-2048"]
READY = generated(EC)


class Shelf:
    """A stock in memory, which may say that it has more than it has."""

    def __init__(self, *made: Made, said: int | None = None) -> None:
        self.made = list(made)
        self.said = len(made) if said is None else said

    def counts(self) -> Mapping[str, int]:
        return {RSA.name: self.said}

    def take(self, _tx: Transaction, _algorithm: Algorithm) -> Made | None:
        return self.made.pop(0) if self.made else None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the types of which keys are generated; what comes of it is always the same EC key."""
    names: list[str] = []

    def generate(algorithm: Algorithm) -> Material:
        names.append(algorithm.name)
        return READY.material

    monkeypatch.setattr("keyferry.custody.generation.generate", generate)
    return names


class TestWhereKeysComeFrom:
    def test_from_the_stock_while_it_has_one(self, kit: Kit, asked: list[str]) -> None:
        assert Generation(Shelf(READY)).supply(RSA, kit.installation.store.write) is READY
        assert asked == []

    def test_else_one_is_generated(self, kit: Kit, asked: list[str]) -> None:
        assert Generation(Shelf()).supply(RSA, kit.installation.store.write).version_id != READY.version_id
        assert asked == ["rsa-2048"]

    def test_also_when_the_last_one_went_meanwhile(self, kit: Kit, asked: list[str]) -> None:
        Generation(Shelf(said=1)).supply(RSA, kit.installation.store.write)
        assert asked == ["rsa-2048"]

    def test_what_takes_no_time_never_comes_from_the_stock(self, kit: Kit, asked: list[str]) -> None:
        Generation(Shelf(READY)).supply(AES, kit.installation.store.write)
        assert asked == ["aes-256"]

    def test_a_write_that_is_refused_is_not_run_again(self, asked: list[str]) -> None:
        runs: list[Source] = []

        def write(source: Source) -> None:
            runs.append(source)
            raise InternalError("no")

        with pytest.raises(InternalError):
            Generation(Shelf(READY)).supply(RSA, write)
        assert len(runs) == 1

    def test_each_has_an_id_of_its_own(self, asked: list[str]) -> None:
        generation = Generation()
        assert generation.material(RSA).version_id != generation.material(RSA).version_id


class TestSeveral:
    def supplied(self, generation: Generation, algorithms: Sequence[Algorithm], kit: Kit, within: float) -> list[Made]:
        def write(sources: Sequence[Source]) -> list[Made]:
            return kit.installation.store.write(lambda tx: [source(tx) for source in sources])

        return generation.supply_some(algorithms, write, within=within)

    def test_all_that_there_is_time_for(self, kit: Kit, asked: list[str]) -> None:
        made = self.supplied(Generation(Shelf(READY), at_once=2), [RSA, AES, RSA, EC], kit, 600)
        assert len(made) == 4
        assert made[0] is READY
        assert sorted(asked) == ["aes-256", "ec-p256", "rsa-2048"]

    @pytest.mark.parametrize("at_once", [1, 3])
    def test_the_first_of_them_however_short_the_time(self, kit: Kit, asked: list[str], at_once: int) -> None:
        made = self.supplied(Generation(at_once=at_once), [RSA] * 5, kit, 0)
        assert len(made) == len(asked) == 1

    def test_what_the_stock_has_takes_no_time(self, kit: Kit, asked: list[str]) -> None:
        made = self.supplied(Generation(Shelf(READY, READY)), [RSA, RSA, RSA, RSA], kit, 0)
        assert [each is READY for each in made] == [True, True, False]

    def test_what_went_meanwhile_is_generated(self, kit: Kit, asked: list[str]) -> None:
        made = self.supplied(Generation(Shelf(READY, said=3)), [RSA] * 3, kit, 600)
        assert len({each.version_id for each in made}) == 3

    def test_a_fault_is_the_askers(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        def generate(_algorithm: Algorithm) -> Material:
            raise InternalError("failed its pairwise consistency test")

        monkeypatch.setattr("keyferry.custody.generation.generate", generate)
        with pytest.raises(InternalError, match="pairwise"):
            self.supplied(Generation(at_once=2), [RSA] * 3, kit, 600)


class TestTurns:
    def test_all_cores_but_one_generate(self) -> None:
        assert Generation().at_once == max(1, cores() - 1)

    @pytest.mark.parametrize("at_once", [1, 2, 3])
    def test_no_more_at_once_than_there_are_turns(self, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
        inside: list[int] = []
        most: list[int] = []
        together = threading.Barrier(at_once)

        def generate(_algorithm: Algorithm) -> Material:
            inside.append(1)
            together.wait(60)  # as many as there are turns are inside: one more would break into the next round
            most.append(len(inside))
            together.wait(60)
            inside.pop()
            return READY.material

        monkeypatch.setattr("keyferry.custody.generation.generate", generate)
        generation = Generation(at_once=at_once)
        with ThreadPoolExecutor(6) as threads:
            made = list(threads.map(generation.material, [RSA] * 6))
        assert len(made) == 6
        assert max(most) <= at_once

    def test_who_came_first_is_next(self) -> None:
        turns, order = Turns(1), []

        def wait_for_one(name: str) -> None:
            with turns.one():
                order.append(name)

        threads = [threading.Thread(target=wait_for_one, args=(name,)) for name in ("first", "second")]
        with turns.one():
            for number, thread in enumerate(threads, start=1):
                thread.start()
                while len(turns._waiting) < number:
                    threading.Event().wait(0.001)
        with turns.one():  # whoever has just given a turn back stands behind them
            order.append("again")
        for thread in threads:
            thread.join()
        assert order == ["first", "second", "again"]

    def test_a_spare_turn_is_one_that_nobody_has(self) -> None:
        turns = Turns(1)
        with turns.spare() as mine, turns.spare() as another:
            assert (mine, another) == (True, False)
        with turns.one(), turns.spare() as mine:
            assert not mine
        with turns.spare() as mine:
            assert mine


def test_no_rsa_key_is_generated_for_whoever_may_not_have_it(kit: Kit, asked: list[str]) -> None:
    """It takes seconds of a core: who may have one is asked before, and once more in the transaction that stores it."""
    kim, auditor = kit.user("kim"), kit.user("ada", Role.AUDITOR)
    kit.group("others")
    with pytest.raises(InvalidInput):
        kit.custody.keys.generate(kim, NewKey(algorithm="rsa-4096", group="others"))
    with pytest.raises(NotPermitted):
        kit.custody.keys.generate(auditor, NewKey(algorithm="rsa-4096", group="others"))
    assert asked == []
