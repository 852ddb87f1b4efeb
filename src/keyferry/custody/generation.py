"""The one place where keys are generated: on at most all cores but one, so that other callers are still served.

An RSA key takes from a tenth of a second to several seconds of a core, AES and EC keys next to nothing. So RSA keys
wait for their turn, or come from the pool of those that were generated before they were asked for.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from keyferry.ids import new_id
from keyferry.material.algorithms import Algorithm, Family
from keyferry.material.keys import Identity, Material, generate, identify
from keyferry.store.transaction import Transaction

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


class PoolIsEmpty(Exception):  # it tells of no error, and never leaves `Generation.supply`
    """No key of the wanted type is left in the pool; the transaction that asked is undone, and run again without it."""


class Stock(Protocol):
    """Keys that were generated before they were asked for: `keyferry.custody.pool`."""

    def has(self, algorithm: Algorithm) -> bool:
        """Whether there was one of this type just now."""
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
        self._turns = threading.Semaphore(self.at_once)
        self._asked_at = float("-inf")

    def material(self, algorithm: Algorithm) -> Made:
        """A key that nobody had before, and what tells it from others. RSA keys wait for a turn.

        Raises:
            InternalError: the key failed its pairwise consistency test.
        """
        if algorithm.family is not Family.RSA:
            return _made(algorithm)
        self._asked_at = time.monotonic()
        with self._turns:
            try:
                return _made(algorithm)
            finally:
                self._asked_at = time.monotonic()

    def supply(self, algorithm: Algorithm, write: Callable[[Source], T]) -> T:
        """Run `write`, which stores a key in one writing transaction, with where to take the material from.

        From the pool, in that transaction, so that a key leaves the pool with the very commit that stores it; where the
        pool has none, from one that is generated before the transaction begins.

        Args:
            write: calls its source once, in its transaction; it may be run a second time, if the first was undone.
        """
        stock = self._stock
        if stock is not None and stock.has(algorithm):
            self._asked_at = time.monotonic()
            try:
                return write(lambda tx: _taken(stock, tx, algorithm))
            except PoolIsEmpty:
                pass
        made = self.material(algorithm)
        return write(lambda _: made)

    def quiet_seconds(self) -> float:
        """How long ago an RSA key was last asked for."""
        return time.monotonic() - self._asked_at

    @contextmanager
    def spare_turn(self) -> Iterator[bool]:
        """A turn for what nobody waits for, if one is free; answers whether it is."""
        taken = self._turns.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken:
                self._turns.release()


def cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _made(algorithm: Algorithm) -> Made:
    material = generate(algorithm)
    return Made(material, identify(material))


def _taken(stock: Stock, tx: Transaction, algorithm: Algorithm) -> Made:
    taken = stock.take(tx, algorithm)
    if taken is None:
        raise PoolIsEmpty
    return taken
