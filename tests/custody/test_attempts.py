"""What an operation owes the gate, and how many share a transaction."""

import sqlite3
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError
from tests.custody.reading import details_of, events_of, rows

from keyferry.byok.transfer_file import TransferFile
from keyferry.custody import export_batches
from keyferry.custody.approving import no_approval
from keyferry.custody.attempts import Steps
from keyferry.custody.caller import Caller
from keyferry.custody.export_batches import Passed
from keyferry.custody.export_rules import Ready
from keyferry.custody.exports import ExportedFile, record
from keyferry.custody.key_lookup import load_key
from keyferry.custody.policy import Operation
from keyferry.custody.view import Change, View
from keyferry.errors import Conflict, InternalError, NotAuthenticated, NotFound
from keyferry.store.records import Key
from keyferry.store.sealed import KEYS, Lock
from keyferry.testing import Kek, Kit


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim")


@pytest.fixture
def keys(kit: Kit, kim: Caller) -> list[str]:
    return [kit.key(kim, "aes-128", name).key.id for name in ("first", "second", "third")]


def describe(change: Change, key: Key) -> Key:
    """A change that anybody can see."""
    held = change.get(KEYS, key.id, Lock.UPDATE)
    assert held is not None
    return change.update(KEYS, held, description="seen")


def never_authorised(change: Change, key_id: str) -> Key:
    found = change.get(KEYS, key_id)
    assert found is not None
    return describe(change, found)


def never_judged(change: Change, key_id: str) -> Key:
    """Authorised, but it says nothing of what others may have to approve."""
    return describe(change, load_key(change, key_id))


@pytest.mark.parametrize(
    ("work", "said"),
    [(never_authorised, "asked the policy for nothing"), (never_judged, "did not say what of it could need approval")],
    ids=["asks for nothing", "says nothing of approval"],
)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among many"])
def test_an_operation_that_leaves_a_question_out_is_undone(
    kit: Kit, kim: Caller, keys: list[str], work: Callable[[Change, str], Key], said: str, alone: bool
) -> None:
    def steps(change: Change) -> Steps[Key]:
        yield
        return work(change, keys[0])

    before = rows(kit, "keys")
    if alone:
        with pytest.raises(InternalError, match=said):
            kit.custody.gate.write(kim, Operation.KEY_EXPORT, lambda change: work(change, keys[0]))
    else:
        (outcome,) = kit.custody.gate.write_each(kim, Operation.KEY_EXPORT, [steps])
        assert isinstance(outcome, InternalError)
        assert said in outcome.detail
    assert rows(kit, "keys") == before
    (event,) = events_of(kit, "key.export", "failed")
    assert event.code == InternalError.default_code


def test_many_are_done_in_turn_a_step_each(kit: Kit, kim: Caller, keys: list[str]) -> None:
    told: list[str] = []

    def work(key_id: str) -> Callable[[Change], Steps[str]]:
        def steps(change: Change) -> Steps[str]:
            key = load_key(change, key_id)
            no_approval(change)
            told.append(f"{key.name} judged")
            if key.name != "second":  # which is done in one go
                yield
                told.append(f"{key.name} prepared")
                yield
            describe(change, key)
            told.append(f"{key.name} written")
            return f"{key.name} done"

        return steps

    works = [work(keys[0]), work("nowhere"), work(keys[1]), work(keys[2])]
    first, refusal, *others = kit.custody.gate.write_each(kim, Operation.KEY_EXPORT, works)
    assert isinstance(refusal, NotFound)
    assert [first, *others] == ["first done", "second done", "third done"]
    assert told == [
        *("first judged", "second judged", "second written", "third judged"),
        *("first prepared", "third prepared"),
        *("first written", "third written"),
    ]
    assert [row["description"] for row in rows(kit, "keys")] == ["seen"] * 3
    assert {event.object_name for event in events_of(kit, "key.export")} == {"first", "second", "third"}
    assert [event.object_name for event in events_of(kit, "key.export", "refused")] == ["nowhere"]


def test_what_was_written_before_the_last_step_is_undone(kit: Kit, kim: Caller, keys: list[str]) -> None:
    """It could not be undone by itself any more, were the operation refused later."""

    def steps(change: Change) -> Steps[Key]:
        key = load_key(change, keys[0])
        no_approval(change)
        changed = describe(change, key)
        yield
        return changed

    before = rows(kit, "keys")
    (outcome,) = kit.custody.gate.write_each(kim, Operation.KEY_EXPORT, [steps])
    assert isinstance(outcome, InternalError)
    assert "had steps to go when it wrote" in outcome.detail
    assert rows(kit, "keys") == before


def is_held(kit: Kit, table: str, row_id: str) -> bool:
    """Whether somebody else would have to wait to change the row."""
    store = kit.installation.store
    engine = create_engine(store.engine.url, poolclass=NullPool)
    statement = (
        "BEGIN IMMEDIATE" if store.is_local else f"SELECT 1 FROM {table} WHERE id = '{row_id}' FOR UPDATE NOWAIT"
    )
    try:
        with engine.connect() as connection:
            if store.is_local:
                connection.exec_driver_sql("PRAGMA busy_timeout=0")
            connection.exec_driver_sql(statement)
    except OperationalError as failure:
        if not isinstance(failure.orig, sqlite3.OperationalError | psycopg.errors.LockNotAvailable):
            raise
        return True
    return False


def test_the_callers_rows_are_held_also_once_the_first_of_many_is_refused(
    kit: Kit, kim: Caller, keys: list[str]
) -> None:
    held: list[bool] = []

    def work(key_id: str) -> Callable[[Change], Steps[Key]]:
        def steps(change: Change) -> Steps[Key]:
            key = load_key(change, key_id)
            no_approval(change)
            yield
            held.append(is_held(kit, "users", kim.user_id))
            return describe(change, key)

        return steps

    refusal, changed = kit.custody.gate.write_each(kim, Operation.KEY_EXPORT, [work("nowhere"), work(keys[0])])
    assert isinstance(refusal, NotFound)
    assert isinstance(changed, Key)
    assert held == [True]
    assert not is_held(kit, "users", kim.user_id)


def test_what_keys_share_is_held_also_once_the_one_that_read_it_is_refused(
    kit: Kit, kek: Kek, monkeypatch: pytest.MonkeyPatch
) -> None:
    kim = kit.user("kim", groups=("payments",))
    group_id = kit.custody.groups.show(kit.administrator, "payments").id
    first, second = (kit.key(kim, "ec-p256", name, group="payments").key.id for name in ("first", "second"))
    kit.export(kim, second, kek)  # the KEK is known
    held: list[bool] = []
    require_approval = Ready.require_approval

    def refusing_the_first(ready: Ready, view: View) -> None:
        require_approval(ready, view)
        if ready.key.id == first:
            raise Conflict("Not this one.")

    def looking(change: Change, ready: Ready, file: TransferFile) -> ExportedFile:
        held.append(is_held(kit, "groups", group_id))
        return record(change, ready, file)

    monkeypatch.setattr(Ready, "require_approval", refusing_the_first)
    monkeypatch.setattr(export_batches, "record", looking)
    (chunk,) = kit.custody.export_batches.export(kim, [first, second], kek.request, Passed())
    assert [type(outcome) for outcome in chunk] == [Conflict, ExportedFile]
    assert held == [True]


def test_a_caller_who_is_not_known_any_more_is_refused_each_of_many(kit: Kit, kim: Caller, keys: list[str]) -> None:
    kit.custody.users.disable(kit.administrator, "kim")

    def steps(change: Change) -> Steps[Key]:
        yield
        return never_judged(change, keys[0])

    outcomes = kit.custody.gate.write_each(kim, Operation.KEY_EXPORT, [steps, steps])
    assert [type(outcome) for outcome in outcomes] == [NotAuthenticated] * 2
    assert {row["description"] for row in rows(kit, "keys")} == {None}
    kit.custody.gate.write_refusals()
    (event,) = events_of(kit, "key.export", "refused")
    assert details_of(event)["times"] == 2
