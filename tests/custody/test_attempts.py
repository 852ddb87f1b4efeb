"""What an operation owes the gate, and how many share a transaction."""

from collections.abc import Callable

import pytest
from tests.custody.reading import events_of, rows

from keyferry.custody.approving import no_approval
from keyferry.custody.attempts import Steps
from keyferry.custody.caller import Caller
from keyferry.custody.key_lookup import load_key
from keyferry.custody.policy import Operation
from keyferry.custody.view import Change
from keyferry.errors import InternalError, NotFound
from keyferry.store.records import Key
from keyferry.store.sealed import KEYS, Lock
from keyferry.testing import Kit


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
