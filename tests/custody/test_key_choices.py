"""What is said beforehand of what may be done: the same that is answered when it is asked for."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from keyferry.custody.caller import Caller
from keyferry.custody.key_choices import OF_KEYS, OF_VERSIONS
from keyferry.custody.keys import KeyEdit
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.policy import Operation
from keyferry.errors import KeyferryError, NotFound
from keyferry.testing import Kek, Kit

KEK = Kek.make(name="choices")

#: how a key comes to stand where it stands; each gets its owner and its id
STANDINGS: dict[str, tuple[dict[str, Any], tuple[Callable[[Kit, Caller, str], object], ...]]] = {
    "active": ({}, ()),
    "pre-active": ({"activated": False}, ()),
    "not exportable": ({"exportable": False}, ()),
    "deactivated": ({}, (lambda kit, kim, key: kit.custody.states.deactivate(kim, key),)),
    "compromised": (
        {},
        (lambda kit, kim, key: kit.custody.states.revoke(kim, key, RevocationReason.KEY_COMPROMISE),),
    ),
    "destruction pending": (
        {"activated": False},
        (lambda kit, kim, key: kit.custody.states.destroy(kim, key),),
    ),
    "rotated": ({}, (lambda kit, kim, key: kit.custody.states.rotate(kim, key),)),
    "rotated, pre-active": (
        {},
        (lambda kit, kim, key: kit.custody.states.rotate(kim, key, activated=False),),
    ),
    "rotated, the first one pending": (
        {},
        (
            lambda kit, kim, key: kit.custody.states.rotate(kim, key),
            lambda kit, kim, key: kit.custody.states.deactivate(kim, key, version=1),
            lambda kit, kim, key: kit.custody.states.destroy(kim, key, version=1),
        ),
    ),
}

ACTS: dict[Operation, Callable[[Kit, Caller, str, int | None], object]] = {
    Operation.KEY_EXPORT: lambda kit, by, key, _: kit.custody.exports.export(by, key, KEK.request),
    Operation.KEY_ROTATE: lambda kit, by, key, _: kit.custody.states.rotate(by, key),
    Operation.KEY_EDIT: lambda kit, by, key, _: kit.custody.keys.edit(by, key, KeyEdit(description="A")),
    Operation.KEY_REASSIGN: lambda kit, by, key, _: kit.custody.keys.reassign(by, key, group="other"),
    Operation.KEY_DESTROY: lambda kit, by, key, n: kit.custody.states.destroy(by, key, version=n),
    Operation.KEY_CANCEL_DESTRUCTION: lambda kit, by, key, n: kit.custody.states.cancel_destruction(by, key, version=n),
    Operation.KEY_ACTIVATE: lambda kit, by, key, n: kit.custody.states.activate(by, key, version=n),
    Operation.KEY_PROMOTE: lambda kit, by, key, n: kit.custody.states.promote(by, key, version=n or 1),
    Operation.KEY_DEACTIVATE: lambda kit, by, key, n: kit.custody.states.deactivate(by, key, version=n),
    Operation.KEY_REVOKE: lambda kit, by, key, n: kit.custody.states.revoke(
        by, key, RevocationReason.KEY_COMPROMISE, version=n
    ),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kit, Caller]]:
    kit = Kit.make(Path(tmp_path_factory.mktemp("choices")) / "home")
    yield kit, kit.user("kim", groups=("payments", "other"))
    kit.close()


@pytest.mark.parametrize("standing", STANDINGS)
@pytest.mark.parametrize("role", ["owner", "administrator"])
def test_what_is_said_beforehand_is_what_is_answered(shared: tuple[Kit, Caller], standing: str, role: str) -> None:
    kit, kim = shared
    caller = kim if role == "owner" else kit.administrator
    more, steps = STANDINGS[standing]

    def fresh() -> str:
        key = kit.key(kim, "ec-p256", None, group="payments", **more).id
        for step in steps:
            step(kit, kim, key)
        return key

    key = fresh()
    said = kit.custody.key_choices.show(caller, key)
    numbers = [detail.version.number for detail in kit.custody.keys.versions(caller, key)]
    asked = [(each, None) for each in OF_KEYS] + [(each, number) for number in numbers for each in OF_VERSIONS]
    assert set(said.refusals) == set(asked)
    for operation, number in asked:
        answered = _code_of(partial(ACTS[operation], kit, caller, key, number))
        refusal = said.refusal(operation, number)
        assert (refusal.code if refusal else None) == answered, operation
        if answered is None:
            key = fresh()


def test_a_key_of_others_has_no_choices(shared: tuple[Kit, Caller]) -> None:
    kit, kim = shared
    lee = kit.user("lee")
    with pytest.raises(NotFound):
        kit.custody.key_choices.show(lee, kit.key(kim).id)


def test_a_key_is_given_away_only_where_there_is_somebody_to_have_it(shared: tuple[Kit, Caller]) -> None:
    kit, _ = shared
    alone = kit.user("alone")
    key = kit.key(alone).id
    refusal = kit.custody.key_choices.show(alone, key).refusal("key.reassign")
    assert refusal is not None
    assert "group of yours" in refusal.detail
    assert not kit.custody.key_choices.show(kit.administrator, key).allows("key.reassign")
    kit.custody.users.disable(kit.administrator, "alone")
    assert kit.custody.key_choices.show(kit.administrator, key).allows("key.reassign")


def _code_of(act: Callable[[], object]) -> str | None:
    try:
        act()
    except KeyferryError as refusal:
        return refusal.code
    return None
