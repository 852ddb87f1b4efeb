"""Writers of two processes take turns: one that writes all the time keeps the other waiting for a transaction."""

import threading
from pathlib import Path

from sqlalchemy import insert

from keyferry.store.engine import open_engine, sqlite_url
from keyferry.store.migrating import upgrade
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import activity
from keyferry.store.turnstile import Turnstile


def opened(tmp_path: Path) -> Store:
    return Store(open_engine(sqlite_url(tmp_path / "store.db")))


def test_one_who_writes_all_the_time_lets_the_other_in(tmp_path: Path) -> None:
    busy, other = opened(tmp_path), opened(tmp_path)
    upgrade(busy.engine)
    enough = threading.Event()

    def keep_writing(number: int) -> None:
        for count in range(100_000):
            statement = Prepared(insert(activity).values(subject_id=f"{number}-{count}", last_used_at=count))
            busy.write(lambda tx, statement=statement: tx.run(statement))  # type: ignore[misc]  # a default keeps this turn's value
            if enough.is_set():
                return

    threads = [threading.Thread(target=keep_writing, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for count in range(50):
            statement = Prepared(insert(activity).values(subject_id=f"other-{count}", last_used_at=count))
            assert other.write(lambda tx, statement=statement: tx.run(statement)) == 1  # type: ignore[misc]  # (as above)
    finally:
        enough.set()
        for thread in threads:
            thread.join()
        busy.close()
        other.close()


def test_closing_waits_for_nobody_who_writes(tmp_path: Path) -> None:
    busy, other = opened(tmp_path), opened(tmp_path)
    upgrade(busy.engine)
    busy.write(lambda _: other.close())  # would end in a timeout, if closing began a transaction
    busy.close()


def test_who_is_in_the_way_for_too_long_stops_nobody(tmp_path: Path) -> None:
    first, second = Turnstile(tmp_path / "store.db"), Turnstile(tmp_path / "store.db")
    passed = []
    with first.passing(), second.passing(within=0.01):
        passed.append("both")
    with second.passing():
        passed.append("second")
    assert passed == ["both", "second"]
    assert (tmp_path / "store.db-turn").stat().st_mode & 0o777 == 0o600
    first.close()
    second.close()
