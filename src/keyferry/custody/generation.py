"""The one place where keys are generated: on at most all cores but one, so that other callers are still served.

An RSA key takes from a tenth of a second to several seconds of a core, AES and EC keys next to nothing. So RSA keys
wait for their turn, or come from the pool of those that were generated before they were asked for.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Protocol, TypeVar

from keyferry.custody.turns import Turns
from keyferry.errors import InternalError
from keyferry.ids import new_id
from keyferry.material.algorithms import Algorithm, Family
from keyferry.material.keys import Identity, Material, generate, identify
from keyferry.store.transaction import Transaction
from keyferry.waiting import elsewhere

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Made:
    """A key that no version has yet.

    Attributes:
        version_id: the id that its version is given. A key from the pool brings it along: as no two versions have one
            id, a row of the pool that was put back after its key was taken is found out.
    """

    material: Material
    identity: Identity
    version_id: str = field(default_factory=new_id)


#: where an operation that stores a key takes its material from, in its writing transaction
Source = Callable[[Transaction], Made]


def _nothing() -> None:
    """Nobody has to be asked."""


class PoolIsEmpty(Exception):  # it tells of no error, and never leaves `Generation`
    """No key of the wanted type is left in the pool; the transaction that asked is undone, and run again without it."""


class Stock(Protocol):
    """Keys that were generated before they were asked for: `keyferry.custody.pool`."""

    def counts(self) -> Mapping[str, int]:
        """How many of each type there are just now, by the type's name; a type of which none is kept is left out."""
        ...

    def take(self, tx: Transaction, algorithm: Algorithm) -> Made | None:
        """Take one out of the pool, in the writing transaction that stores it; None where there is none left."""
        ...


class Generation:
    """Generates keys.

    Args:
        stock: the pool; None where there is none.
        at_once: how many RSA keys are generated at the same time; all cores but one for None.
    """

    def __init__(self, stock: Stock | None = None, *, at_once: int | None = None) -> None:
        self.at_once = at_once or max(1, cores() - 1)
        self._stock = stock
        self._turns = Turns(self.at_once)
        self._asked_at = float("-inf")

    def material(self, algorithm: Algorithm) -> Made:
        """A key that nobody had before, and what tells it from others. RSA keys wait for a turn.

        Raises:
            InternalError: the key failed its pairwise consistency test.
        """
        if algorithm.family is not Family.RSA:
            return generated(algorithm)
        made = elsewhere(partial(self._in_turn, algorithm))
        self._asked_at = time.monotonic()
        return made

    def supply(self, algorithm: Algorithm, write: Callable[[Source], T], *, before: Callable[[], None] = _nothing) -> T:
        """Run `write`, which stores a key in one writing transaction, with where to take the material from.

        From the pool, in that transaction, so that a key leaves the pool with the very commit that stores it; where the
        pool has none, from one that is generated before the transaction begins.

        Args:
            write: calls its source once, in its transaction; it may be run a second time, if the first was undone.
            before: is run before an RSA key is generated, which takes long, and may refuse it.
        """
        return self.supply_some([algorithm], lambda sources: write(sources[0]), within=0, before=before)

    def supply_some(
        self,
        algorithms: Sequence[Algorithm],
        write: Callable[[Sequence[Source]], T],
        *,
        within: float,
        before: Callable[[], None] = _nothing,
    ) -> T:
        """As `supply`, for the first so many of `algorithms`: as many as come from the pool or are begun in time.

        Args:
            algorithms: at least one.
            write: is given a source for each, from the first on, and for one at least.
            within: seconds; the last one that is begun is finished after them.
        """
        if any(algorithm.family is Family.RSA for algorithm in algorithms):
            self._asked_at = time.monotonic()
        end = time.monotonic() + within
        pooled = self._in_stock(algorithms)
        made: dict[int, Made] = {}
        while True:
            missing = [place for place in range(len(algorithms)) if place not in pooled and place not in made]
            if any(algorithms[place].family is Family.RSA for place in missing):
                before()
            self._generate(algorithms, made, missing, end)
            ready = takewhile((pooled | made.keys()).__contains__, range(len(algorithms)))
            try:
                return write([self._source(algorithms[place], made.get(place)) for place in ready])
            except PoolIsEmpty:
                pooled = frozenset()  # and so it does not come to this again

    def quiet_seconds(self) -> float:
        """How long ago an RSA key was last asked for."""
        return time.monotonic() - self._asked_at

    def spare_turn(self) -> AbstractContextManager[bool]:
        """A turn for what nobody waits for, if one is free; answers whether it is."""
        return self._turns.spare()

    def _in_turn(self, algorithm: Algorithm) -> Made:
        with self._turns.one():
            return generated(algorithm)

    def _in_stock(self, algorithms: Sequence[Algorithm]) -> frozenset[int]:
        """Which of the keys that are wanted the pool has, by their place."""
        if self._stock is None or all(algorithm.family is not Family.RSA for algorithm in algorithms):
            return frozenset()
        left = Counter(self._stock.counts())
        found = []
        for place, algorithm in enumerate(algorithms):
            if left[algorithm.name] > 0:
                left[algorithm.name] -= 1
                found.append(place)
        return frozenset(found)

    def _generate(
        self, algorithms: Sequence[Algorithm], made: dict[int, Made], missing: Sequence[int], end: float
    ) -> None:
        """Put into `made` what is missing, in order, until the time is over; of all that is missing, one at least."""
        threads = min(self.at_once, len(missing))
        queue, taking = iter(missing), threading.Lock()

        def work() -> None:
            while True:
                with taking:
                    place = next(queue, None)
                    late = place != missing[0] and time.monotonic() >= end
                if place is None or late:
                    return
                made[place] = self.material(algorithms[place])

        if threads == 1:
            work()
        elif threads:
            with ThreadPoolExecutor(threads, "keyferry-generation") as workers:
                for done in [workers.submit(work) for _ in range(threads)]:
                    done.result()

    def _source(self, algorithm: Algorithm, made: Made | None) -> Source:
        stock = self._stock
        if made is not None:
            return lambda _: made
        if stock is None:
            raise InternalError("A key was to come from a pool that there is none of.")
        return lambda tx: _taken(stock, tx, algorithm)


def cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def generated(algorithm: Algorithm) -> Made:
    """A key that nobody had before, without waiting for a turn.

    Raises:
        InternalError: the key failed its pairwise consistency test.
    """
    material = generate(algorithm)
    return Made(material, identify(material))


def _taken(stock: Stock, tx: Transaction, algorithm: Algorithm) -> Made:
    taken = stock.take(tx, algorithm)
    if taken is None:
        raise PoolIsEmpty
    return taken
