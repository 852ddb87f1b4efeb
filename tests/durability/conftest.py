"""Races: two operations of two people at once, on both databases."""

from collections.abc import Callable, Iterator

import pytest
from tests.durability.interleaving import Interleaving

from keyferry.store.transaction import Transaction
from keyferry.testing import Kit


@pytest.fixture
def racing(make_kit: Callable[..., Kit]) -> Kit:
    """An installation whose PostgreSQL notices at once that two transactions wait for each other."""
    kit = make_kit()
    engine = kit.installation.store.engine
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql(f'ALTER DATABASE "{engine.url.database}" SET deadlock_timeout = 20')
        engine.dispose()
    return kit


@pytest.fixture
def interleaving(racing: Kit, monkeypatch: pytest.MonkeyPatch) -> Iterator[Interleaving]:
    interleaving = Interleaving(racing.installation.store.engine)
    execute = Transaction._execute

    def counted(transaction: Transaction, *given: object) -> None:
        execute(transaction, *given)  # type: ignore[arg-type]  # handed on as they are
        interleaving.after_statement()

    monkeypatch.setattr(Transaction, "_execute", counted)
    yield interleaving
    interleaving.close()
