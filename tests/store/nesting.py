"""Savepoints within savepoints, for tests that try many: what happens in each, and which of them fail."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from hypothesis import strategies as st

from keyferry.store.transaction import Transaction

S = TypeVar("S")


class Failing(Exception):
    """What a savepoint fails with."""


@dataclass(frozen=True)
class Inside(Generic[S]):
    """A savepoint with what happens in it, which fails at its end or does not."""

    steps: "tuple[S | Inside[S], ...]"
    fails: bool

    def run(self, tx: Transaction, do: "Callable[[Transaction, Steps[S]], None]") -> None:
        """Have `do` do the steps in a savepoint of their own, which is undone if it fails."""
        with suppress(Failing), tx.savepoint():
            do(tx, self.steps)
            if self.fails:
                raise Failing


Steps = tuple[S | Inside[S], ...]


def nested(step: "st.SearchStrategy[S]", most: int) -> "st.SearchStrategy[S | Inside[S]]":
    """Steps, and savepoints with steps and savepoints in them: of `most` steps altogether."""
    return st.recursive(
        step, lambda inner: st.builds(Inside, st.lists(inner, max_size=4).map(tuple), st.booleans()), max_leaves=most
    )
