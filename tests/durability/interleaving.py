"""One operation, stopped after each of its statements in turn, while another runs as far as it can.

On PostgreSQL that covers every place at which two transactions of two connections can meet: nothing is left to chance
or to timing. On SQLite the one writer keeps writes apart; there the first operation is stopped while it reads.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from keyferry.errors import KeyferryError

Operation = Callable[[], Any]

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the two: a result, or the error with which it was refused.

    Attributes:
        second_came_first: the second was answered while the first was stopped, before its end.
        stopped: the first was stopped at all: it had so many statements.
    """

    first: Any
    second: Any
    second_came_first: bool
    stopped: bool


def outcome_of(operation: Operation) -> Any:
    """The result, or the refusal as a value. Any other error is a fault of Keyferry's."""
    try:
        return operation()
    except KeyferryError as refusal:
        return refusal


class Interleaving:
    """Runs two operations; `after_statement` is called after every statement of every thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(2)
        self._stopped_thread: int | None = None
        self._left = 0
        self._meanwhile: Operation = lambda: None

    def close(self) -> None:
        self._threads.shutdown()

    def after_statement(self) -> None:
        if threading.get_ident() != self._stopped_thread:
            return
        self._left -= 1
        if self._left == 0:
            self._meanwhile()

    def run(self, first: Operation, second: Operation, *, stop_after: int) -> Outcome:
        """Run `first`, and `second` once `first` has done so many statements (or has ended)."""
        running: list[tuple[Future[Any], bool]] = []

        def meanwhile() -> None:
            future = self._threads.submit(outcome_of, second)
            while not future.done() and not self._waits_for_a_lock():
                threading.Event().wait(0.001)
            running.append((future, future.done()))

        def stopped() -> Any:
            self._stopped_thread = threading.get_ident()
            self._left, self._meanwhile = stop_after, meanwhile
            try:
                return outcome_of(first)
            finally:
                self._stopped_thread = None

        result = self._threads.submit(stopped).result()
        if not running:
            return Outcome(result, outcome_of(second), second_came_first=False, stopped=False)
        ((future, came_first),) = running
        return Outcome(result, future.result(), came_first, stopped=True)

    def _waits_for_a_lock(self) -> bool:
        if self._engine.dialect.name == "sqlite":
            return False
        with self._engine.connect() as connection:
            return bool(connection.execute(_WAITING).scalar_one())
