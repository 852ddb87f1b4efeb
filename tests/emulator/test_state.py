"""The emulator's state: snapshots, writes that queue, and what is sealed."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyferry.emulator.state import State
from keyferry.errors import CannotStart, IntegrityViolation

KEY = bytes(range(32))
SCHEMA = "CREATE TABLE IF NOT EXISTS notes (text TEXT) STRICT;"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path / "state.db", KEY, [SCHEMA])
    yield opened
    opened.close()


def note(state: State, text: str) -> None:
    with state.write() as connection:
        connection.execute("INSERT INTO notes VALUES (?)", (text,))


def notes(state: State) -> list[str]:
    with state.read() as connection:
        return [row["text"] for row in connection.execute("SELECT text FROM notes ORDER BY rowid")]


def test_what_was_written_is_there_after_a_restart(state: State, tmp_path: Path) -> None:
    note(state, "kept")
    again = State(tmp_path / "state.db", KEY, [SCHEMA])
    assert notes(again) == ["kept"]
    again.close()


def test_a_write_that_fails_leaves_nothing(state: State) -> None:
    with pytest.raises(LookupError), state.write() as connection:
        connection.execute("INSERT INTO notes VALUES ('half')")
        raise LookupError
    assert notes(state) == []
    note(state, "next")
    assert notes(state) == ["next"]


def test_a_snapshot_stays_as_it_was_while_others_write(state: State) -> None:
    note(state, "first")
    with state.read() as connection:
        before = connection.execute("SELECT count(*) FROM notes").fetchone()[0]
        note(state, "second")
        assert connection.execute("SELECT count(*) FROM notes").fetchone()[0] == before == 1
    assert notes(state) == ["first", "second"]


def test_writers_wait_for_each_other_and_none_is_lost(state: State) -> None:
    def add() -> None:
        for _ in range(20):
            with state.write() as connection:
                count = connection.execute("SELECT count(*) FROM notes").fetchone()[0]
                connection.execute("INSERT INTO notes VALUES (?)", (str(count),))

    threads = [threading.Thread(target=add) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes(state) == [str(number) for number in range(100)]


def test_a_write_inside_a_write_is_told_rather_than_waited_for(state: State) -> None:
    with pytest.raises(RuntimeError), state.write(), state.write():
        pass
    note(state, "later")
    assert notes(state) == ["later"]


def test_only_its_owner_may_read_the_file(state: State, tmp_path: Path) -> None:
    note(state, "something")
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.glob("state.db*")}
    assert modes == {0o600}


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(CannotStart) as refused:
        State(tmp_path / "state.db", KEY)
    assert "state.db" in refused.value.detail
    assert refused.value.advice


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plaintext=st.binary(max_size=100), label=st.text(max_size=20))
def test_what_is_sealed_opens_under_its_own_label(state: State, plaintext: bytes, label: str) -> None:
    sealed = state.seal(plaintext, label)
    assert state.unseal(sealed, label) == plaintext
    assert state.seal(plaintext, label) != sealed
    with pytest.raises(IntegrityViolation):
        state.unseal(sealed, label + "x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bit_of_it_may_change(state: State, data: st.DataObject) -> None:
    sealed = bytearray(state.seal(b"material", "a"))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(IntegrityViolation):
        state.unseal(bytes(sealed), "a")


@given(sealed=st.binary(max_size=64))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_never_sealed_does_not_open(state: State, sealed: bytes) -> None:
    with pytest.raises(IntegrityViolation) as refused:
        state.unseal(sealed, "key/a")
    assert "key/a" in refused.value.detail


def test_another_homes_key_opens_nothing(state: State, tmp_path: Path) -> None:
    other = State(tmp_path / "other.db", bytes(32))
    with pytest.raises(IntegrityViolation):
        other.unseal(state.seal(b"material", "a"), "a")
    other.close()


def test_a_kept_secret_is_made_once_and_lies_sealed(state: State, tmp_path: Path) -> None:
    assert state.kept("door", lambda: b"a secret of sixteen") == b"a secret of sixteen"
    assert state.kept("door", lambda: b"another") == b"a secret of sixteen"
    state.close()
    again = State(tmp_path / "state.db", KEY)
    assert again.kept("door", lambda: b"another") == b"a secret of sixteen"
    again.close()
    assert all(b"a secret of sixteen" not in path.read_bytes() for path in tmp_path.iterdir())
