"""Answers that are kept are those that the database would give: whoever changes it, and whatever is undone."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, delete, exists, insert, literal_column, select, text, update
from sqlalchemy.dialects import sqlite
from tests.store.nesting import Failing, Inside, Steps, nested

from keyferry.custody.accounts import UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.lifecycle import RevocationReason, State
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.errors import Conflict, IntegrityViolation, KeyferryError, NotAuthenticated, NotFound
from keyferry.store.kept import LONGEST, MOST, Kept
from keyferry.store.sealed import USERS, Question
from keyferry.store.statements import ANY_TABLE, Prepared
from keyferry.store.store import Store
from keyferry.store.tables import activity, users
from keyferry.store.transaction import Transaction
from keyferry.testing import Kek, Kit

_OF_ONE = select(activity.c.subject_id, activity.c.last_used_at).where(activity.c.subject_id == bindparam("id"))
_OF_SOME = select(activity.c.subject_id).where(activity.c.last_used_at > bindparam("at"))
ONE, SOME = (Question(activity.name, Prepared(each.order_by(activity.c.subject_id))) for each in (_OF_ONE, _OF_SOME))

_SAME = activity.c.subject_id == bindparam("id_")
INSERT = Prepared(insert(activity).values(subject_id=bindparam("id"), last_used_at=bindparam("at")))
UPDATE = Prepared(update(activity).where(_SAME).values(last_used_at=activity.c.last_used_at + 1))
DELETE = Prepared(delete(activity).where(_SAME))
BY_TEXT = Prepared(text("UPDATE activity SET last_used_at = last_used_at + 1"))
CLEAR = Prepared(delete(activity))

IDS = ("a", "b", "c")


class Step(Enum):
    """What is done to a row, to all of them, or only asked."""

    PUT = auto()
    APPEND = auto()
    UPDATE = auto()
    DELETE = auto()
    TEXT = auto()
    ASK = auto()


@dataclass(frozen=True)
class Do:
    """A step, about the row of this id."""

    step: Step
    id: str


@dataclass(frozen=True)
class Turn:
    """A transaction of one of two processes: to write or only to ask, all of it undone at its end or not."""

    store: int
    writes: bool
    gathers: bool
    fails: bool
    steps: Steps[Do]


_does = st.builds(Do, st.sampled_from(Step), st.sampled_from(IDS))
_turns = st.builds(
    Turn,
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.lists(nested(_does, 8), max_size=5).map(tuple),
)


def ask(tx: Transaction) -> None:
    """Everything, in every way; each answer is what the database says to the statement alone."""
    for id_ in IDS:
        told = ONE.answer(tx, {"id": id_}, first=True), ONE.answer(tx, {"id": id_})
        truth = tx.rows(ONE.rows, id=id_)
        assert told == (truth, truth)
    for at in (0, 1):
        assert SOME.answer(tx, {"at": at}) == tx.rows(SOME.rows, at=at)


def append(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    tx.run_many(INSERT, rows)


def do(tx: Transaction, steps: Steps[Do]) -> None:
    for each in steps:
        if isinstance(each, Inside):
            each.run(tx, do)
        elif each.step is Step.ASK:
            ask(tx)
        elif each.step is Step.TEXT:
            tx.run(BY_TEXT)
        elif each.step is Step.UPDATE:
            tx.run(UPDATE, id_=each.id)
        elif each.step is Step.DELETE:
            tx.run(DELETE, id_=each.id)
        elif not tx.rows(ONE.rows, id=each.id):
            row = {"id": each.id, "at": 0}
            if each.step is Step.APPEND:
                tx.append(activity.name, append, row)
            else:
                tx.run(INSERT, **row)


def do_all(turn: Turn, tx: Transaction) -> None:
    ask(tx)
    with tx.gathering() if turn.gathers else nullcontext():
        do(tx, turn.steps)
        ask(tx)
    ask(tx)
    if turn.fails:
        raise Failing


@given(st.lists(_turns, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_answer_is_older_than_the_database(open_stores: tuple[Store, Store], turns: list[Turn]) -> None:
    open_stores[0].write(lambda tx: tx.run(CLEAR))
    for turn in turns:
        store = open_stores[turn.store]
        if turn.writes:
            with suppress(Failing):
                store.write(partial(do_all, turn))
        else:
            store.read(ask)


@pytest.fixture
def open_stores(open_store: Callable[[], Store]) -> tuple[Store, Store]:
    return open_store(), open_store()


def statements_of(tx: Transaction, work: Callable[[], object]) -> list[str]:
    """What SQLite is asked while `work` runs."""
    asked: list[str] = []
    tx._cursor.connection.set_trace_callback(asked.append)
    try:
        work()
    finally:
        tx._cursor.connection.set_trace_callback(None)
    return asked


def test_what_nobody_has_changed_is_not_asked_again(store: Store) -> None:
    if not store.is_local:  # PostgreSQL reads a row anew that it has waited for: nothing is kept there
        assert not store.read(lambda tx: tx.kept.keeps)
        return

    def asked(tx: Transaction) -> list[str]:
        return statements_of(tx, lambda: (ONE.answer(tx, {"id": "a"}), SOME.answer(tx, {"at": 0})))

    for way in (store.read, store.write):
        assert len(way(asked)) == 2
        assert way(asked) == []
    store.write(lambda tx: tx.run(INSERT, id="a", at=1))
    for way in (store.read, store.write):
        assert len(way(asked)) == 2


def test_an_answer_is_known_by_the_names_of_its_parameters(store: Store) -> None:
    between = Question(
        activity.name,
        Prepared(_OF_SOME.where(activity.c.last_used_at < bindparam("before")).order_by(activity.c.subject_id)),
    )
    store.write(lambda tx: tx.run(INSERT, id="a", at=2))

    def both(tx: Transaction) -> list[object]:
        return [between.answer(tx, {"at": 1, "before": 3}), between.answer(tx, {"before": 1, "at": 3})]

    for way in (store.read, store.write):
        assert way(both) == [[("a",)], []]


def test_a_snapshot_is_one_with_what_is_kept(open_stores: tuple[Store, Store]) -> None:
    """What another process commits within a transaction is neither in what is kept nor in what is asked anew."""
    ours, theirs = open_stores
    if not ours.is_local:
        return
    ours.write(lambda tx: tx.run(INSERT, id="a", at=1))

    def ask_around_their_commit(tx: Transaction) -> tuple[object, object]:
        theirs.write(lambda tx: tx.run(UPDATE, id_="a"))
        return ONE.answer(tx, {"id": "a"}), SOME.answer(tx, {"at": 1})

    ours.read(lambda tx: ONE.answer(tx, {"id": "a"}))
    assert ours.read(ask_around_their_commit) == ([("a", 1)], [])
    assert ours.read(lambda tx: (ONE.answer(tx, {"id": "a"}), SOME.answer(tx, {"at": 1}))) == ([("a", 2)], [("a",)])


def test_questions_that_other_tables_have_a_say_in_are_asked_each_time(store: Store) -> None:
    of_people = Question(
        activity.name, Prepared(_OF_ONE.where(exists(select(users.c.id).where(users.c.id == bindparam("id")))))
    )

    def asked(tx: Transaction) -> int:
        return len(statements_of(tx, lambda: of_people.answer(tx, {"id": "a"})))

    if store.is_local:
        assert [store.write(asked), store.write(asked)] == [1, 1]


@pytest.mark.parametrize(
    ("statement", "changes"),
    [
        (select(users.c.id), None),
        (text("SELECT 1"), None),
        (insert(activity), "activity"),
        (update(activity), "activity"),
        (delete(activity), "activity"),
        (text("UPDATE users SET name = ''"), ANY_TABLE),
        (text("WITH gone AS (SELECT 1) DELETE FROM users"), ANY_TABLE),
    ],
)
def test_a_statement_tells_what_it_changes(statement: Any, changes: str | None) -> None:
    assert Prepared(statement).compiled(sqlite.dialect()).changes == changes


def test_a_row_that_was_edited_behind_keyferrys_back_is_refused_where_it_was_kept(kit: Kit) -> None:
    store, sealer, id_ = kit.installation.store, kit.installation.sealer, kit.administrator.user_id
    if not store.is_local:
        return

    def name(tx: Transaction) -> str:
        user = USERS.get(tx, sealer, id_)
        assert user is not None
        return user.name

    ways = (store.read, store.write)
    assert [way(name) for way in (*ways, *ways)] == ["first-admin"] * 4
    with store.engine.begin() as connection:
        connection.execute(update(users).where(users.c.id == id_).values(name="somebody"))
    for way in ways:
        with pytest.raises(IntegrityViolation):
            way(name)


def leave_group(other: Kit, _kim: Caller) -> None:
    other.custody.users.edit(other.administrator, "kim", UserEdit(groups=()))


def disable(other: Kit, _kim: Caller) -> None:
    other.custody.users.disable(other.administrator, "kim")


def revoke_token(other: Kit, kim: Caller) -> None:
    assert kim.token_id is not None
    other.custody.tokens.revoke(other.administrator, kim.token_id)


def close_the_server(other: Kit, _kim: Caller) -> None:
    edit = ServerPolicyEdit(networks=("198.51.100.0/24",), even_if_locked_out=True)
    other.custody.server_policy.edit(other.administrator, edit)


@pytest.mark.parametrize(
    ("take_away", "refusal"),
    [
        (leave_group, NotFound),
        (disable, NotAuthenticated),
        (revoke_token, NotAuthenticated),
        (close_the_server, NotAuthenticated),
    ],
)
def test_what_one_process_takes_away_the_other_one_does_not_give(
    kit: Kit, take_away: Callable[[Kit, Caller], None], refusal: type[KeyferryError]
) -> None:
    """A caller's own rows are kept from one operation to the next; what is taken away elsewhere is gone at once."""
    kim = kit.user("kim", groups=("payments",))
    key = kit.key(kim, "rsa-2048", group="payments").key
    kek = Kek.make()
    other = Kit.open(kit.installation.settings.home)
    try:
        for _ in range(2):
            assert kit.custody.keys.show(kim, key.id).key == key
            assert kit.export(kim, key.id, kek).content
        take_away(other, kim)
        with pytest.raises(refusal):
            kit.custody.keys.show(kim, key.id)
        with pytest.raises(refusal):
            kit.export(kim, key.id, kek)
    finally:
        other.close()


def test_a_key_that_is_revoked_by_one_process_is_not_exported_by_the_other(kit: Kit) -> None:
    kim, kek = kit.user("kim"), Kek.make()
    key = kit.key(kim, "rsa-2048").key
    other = Kit.open(kit.installation.settings.home)
    try:
        for _ in range(2):
            kit.export(kim, key.id, kek)
        other.custody.states.revoke(kim, key.id, RevocationReason.KEY_COMPROMISE)
        assert kit.custody.keys.show(kim, key.id).state is State.COMPROMISED
        with pytest.raises(Conflict):
            kit.export(kim, key.id, kek)
    finally:
        other.close()


def test_so_many_rows_are_kept_and_the_oldest_make_room() -> None:
    kept = Kept()
    kept.keep("keys", "many", [("row",)] * (LONGEST + 1))
    assert kept.find("keys", "many") is None
    for number in range(MOST + 1):
        kept.keep("keys", number, [(number,)])
    kept.keep("keys", "none", [])
    assert [kept.find("keys", number) is None for number in (0, 1, 2, MOST)] == [True, True, False, False]
    kept.keep("keys", "some", [("row",)] * LONGEST)
    assert kept.find("keys", LONGEST) is None
    assert kept.find("keys", LONGEST + 2) == [(LONGEST + 2,)]
    kept.keep("keys", LONGEST + 2, [("newer",)])
    assert kept.find("keys", LONGEST + 2) == [("newer",)]


def test_what_is_gathered_is_in_the_next_answer(store: Store) -> None:
    def write(tx: Transaction) -> list[object]:
        with tx.gathering():
            before = ONE.answer(tx, {"id": "a"})
            tx.append(activity.name, append, {"id": "a", "at": 0})
            return [before, ONE.answer(tx, {"id": "a"})]

    assert store.write(write) == [[], [("a", 0)]]


_OTHER = users.alias()
_NAMED = select(users.c.id).where(users.c.name == "ada")


@pytest.mark.parametrize(
    "statement",
    [
        select(activity.c.subject_id).join(users, users.c.id == activity.c.subject_id),
        select(activity.c.subject_id).join(_OTHER, _OTHER.c.id == activity.c.subject_id),
        select(activity.c.subject_id).where(activity.c.subject_id.in_(_NAMED)),
        select(activity.c.subject_id).where(activity.c.subject_id == _NAMED.scalar_subquery()),
        select(activity.c.subject_id).where(activity.c.subject_id.in_(select(_NAMED.cte().c.id))),
        select(activity.c.subject_id).order_by(select(_OTHER.c.name).scalar_subquery()),
        select(activity.c.subject_id, select(_OTHER.c.name).limit(1).scalar_subquery()),
    ],
    ids=["join", "alias", "in", "scalar", "cte", "order", "column"],
)
def test_a_question_tells_every_table_that_has_a_say(statement: Any) -> None:
    assert Prepared(statement).tables() == {"activity", "users"}


@pytest.mark.parametrize("words", [text("EXISTS (SELECT 1 FROM users)"), literal_column("(SELECT name FROM users)")])
def test_of_a_question_that_is_text_in_part_no_answer_is_kept(words: Any) -> None:
    statement = select(activity.c.subject_id).where(words)
    assert Prepared(statement).tables() == {"activity", ANY_TABLE}
