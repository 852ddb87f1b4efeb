"""Two people at once: however their statements meet, the answers are those of one after the other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from tests.durability.interleaving import Interleaving, Outcome, outcome_of

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.lifecycle import RevocationReason, State
from keyferry.custody.policy import Role
from keyferry.errors import KeyferryError
from keyferry.material.secret import Secret
from keyferry.testing import PASSWORD, Kek, Kit

MOST_STATEMENTS = 200
ROUNDS = 6

KEK, OTHER_KEK = Kek.make(), Kek.make()


@dataclass(frozen=True, slots=True)
class Stage:
    """Two operations that get in each other's way, on objects of their own, and how to see what became of them."""

    first: Callable[[], object]
    second: Callable[[], object]
    check: Callable[[Outcome], None]


class Theatre:
    """Sets the stage of each race anew, on the same installation."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.custody = kit.custody
        self._count = 0

    def name(self, what: str) -> str:
        self._count += 1
        return f"{what}-{self._count}"

    def member(self) -> tuple[Caller, str, KeyDetail]:
        """A member of a fresh group, its name, and a key of it."""
        group = self.name("group")
        self.custody.groups.create(self.kit.administrator, group)
        name = self.name("member")
        kim = self.kit.user(name, groups=(group,))
        return kim, name, self.kit.key(kim, "aes-256", name, group=group)

    def administrator(self) -> tuple[Caller, str]:
        name = self.name("admin")
        password = Secret(PASSWORD.encode())
        self.custody.users.create(
            self.kit.administrator, NewUser(name=name, role=Role.ADMINISTRATOR, password=password)
        )
        return self.kit.sign_in(name), name

    def is_known(self, caller: Caller) -> bool:
        return code(outcome_of(lambda: self.custody.users.list(caller, size=1))) is None

    def state(self, key: KeyDetail) -> State:
        return self.custody.keys.show(self.kit.administrator, key.key.id).state


def code(result: object) -> str | None:
    """The code of a refusal; None for a success."""
    return result.code if isinstance(result, KeyferryError) else None


def managed(identifier: Kek) -> Kek:
    """AES keys go to a Managed HSM only."""
    return Kek(identifier.private, identifier.identifier.replace("vault.azure.net", "managedhsm.azure.net"))


AES_KEK, OTHER_AES_KEK = managed(KEK), managed(OTHER_KEK)


def exporting(theatre: Theatre, kim: Caller, key: KeyDetail) -> Callable[[], object]:
    return lambda: theatre.kit.export(kim, key.key.id, AES_KEK)


def revoke_against_export(theatre: Theatre) -> Stage:
    kim, _, key = theatre.member()

    def check(outcome: Outcome) -> None:
        assert code(outcome.second) is None
        assert code(outcome.first) in {None, "key-not-active"}
        if outcome.second_came_first:
            assert code(outcome.first) == "key-not-active", "exported after the revocation was acknowledged"
        assert theatre.state(key) is State.COMPROMISED

    return Stage(exporting(theatre, kim, key), revoking(theatre, kim, key), check)


def revoking(theatre: Theatre, kim: Caller, key: KeyDetail) -> Callable[[], object]:
    return lambda: theatre.custody.states.revoke(kim, key.key.id, RevocationReason.KEY_COMPROMISE)


def deactivating(theatre: Theatre, kim: Caller, key: KeyDetail) -> Callable[[], object]:
    return lambda: theatre.custody.states.deactivate(kim, key.key.id)


def revoke_against_deactivate(theatre: Theatre) -> Stage:
    kim, _, key = theatre.member()

    def check(outcome: Outcome) -> None:
        assert code(outcome.second) is None
        assert code(outcome.first) in {None, "state-transition-refused"}
        if outcome.second_came_first:
            assert code(outcome.first) == "state-transition-refused"
        assert theatre.state(key) is State.COMPROMISED, "deactivating undid a revocation"

    return Stage(deactivating(theatre, kim, key), revoking(theatre, kim, key), check)


def deactivate_against_revoke(theatre: Theatre) -> Stage:
    kim, _, key = theatre.member()

    def check(outcome: Outcome) -> None:
        assert code(outcome.first) is None
        assert code(outcome.second) in {None, "state-transition-refused"}
        assert theatre.state(key) is State.COMPROMISED, "deactivating undid a revocation"

    return Stage(revoking(theatre, kim, key), deactivating(theatre, kim, key), check)


def disable_against_export(theatre: Theatre) -> Stage:
    kim, name, key = theatre.member()

    def check(outcome: Outcome) -> None:
        assert code(outcome.second) is None
        assert code(outcome.first) in {None, "not-authenticated"}
        if outcome.second_came_first:
            assert code(outcome.first) == "not-authenticated", "exported by a user whose disabling was acknowledged"

    disabling = lambda: theatre.custody.users.disable(theatre.kit.administrator, name)  # noqa: E731  # as the others
    return Stage(exporting(theatre, kim, key), disabling, check)


def removal_against_export(theatre: Theatre) -> Stage:
    kim, name, key = theatre.member()

    def check(outcome: Outcome) -> None:
        assert code(outcome.second) is None
        assert code(outcome.first) in {None, "not-found"}
        if outcome.second_came_first:
            assert code(outcome.first) == "not-found", "exported by a user who was no member any more"

    removing = lambda: theatre.custody.users.edit(theatre.kit.administrator, name, UserEdit(groups=()))  # noqa: E731  # a step of the play, named
    return Stage(exporting(theatre, kim, key), removing, check)


def token_revoked_against_export(theatre: Theatre) -> Stage:
    kim, _, key = theatre.member()

    def check(outcome: Outcome) -> None:
        assert code(outcome.second) is None
        assert code(outcome.first) in {None, "not-authenticated"}
        if outcome.second_came_first:
            assert code(outcome.first) == "not-authenticated"

    ending = lambda: theatre.custody.tokens.revoke(theatre.kit.administrator, kim.token_id or "")  # noqa: E731  # a step of the play, named
    return Stage(exporting(theatre, kim, key), ending, check)


def rotate_against_export(theatre: Theatre) -> Stage:
    kim, _, key = theatre.member()

    def check(outcome: Outcome) -> None:
        assert isinstance(outcome.second, KeyDetail)
        if code(outcome.first) is None:
            exported = outcome.first.export
            ids = {1: key.version.id, 2: outcome.second.version.id}
            assert exported.version_id == ids[exported.version_number]
            if outcome.second_came_first:
                assert exported.version_number == 2, "the old version left after the rotation was acknowledged"
        else:
            assert code(outcome.first) == "conflict"

    return Stage(exporting(theatre, kim, key), lambda: theatre.custody.states.rotate(kim, key.key.id), check)


def first_exports_under_one_identifier(theatre: Theatre) -> Stage:
    (kim, _, key), (bo, _, other) = theatre.member(), theatre.member()
    name = theatre.name("kek")
    keks = [Kek(kek.private, kek.identifier.replace("/KEK/", f"/{name}/")) for kek in (AES_KEK, OTHER_AES_KEK)]

    def check(outcome: Outcome) -> None:
        assert {code(outcome.first), code(outcome.second)} == {None, "kek-mismatch"}

    return Stage(
        lambda: theatre.kit.export(kim, key.key.id, keks[0]),
        lambda: theatre.kit.export(bo, other.key.id, keks[1]),
        check,
    )


def two_keys_of_one_name(theatre: Theatre) -> Stage:
    kim, _, _ = theatre.member()
    name = theatre.name("same")

    def check(outcome: Outcome) -> None:
        assert sorted([code(outcome.first) or "", code(outcome.second) or ""]) == ["", "name-taken"]

    create = lambda: theatre.kit.key(kim, "aes-256", name)  # noqa: E731  # both do the same
    return Stage(create, create, check)


def two_administrators(theatre: Theatre) -> Stage:
    """Each disables the other; the Administrator of the kit is out of the way meanwhile."""
    (ada, ada_name), (bo, bo_name) = theatre.administrator(), theatre.administrator()
    for user in theatre.custody.users.list(ada, size=500).items:
        others = {ada.user_id, bo.user_id}
        if user.user.role == Role.ADMINISTRATOR and user.user.id not in others and not user.user.disabled:
            theatre.custody.users.disable(ada, user.user.name)

    def check(outcome: Outcome) -> None:
        refused = [result for result in (outcome.first, outcome.second) if code(result)]
        assert [code(result) for result in refused] == ["not-authenticated"]
        (left,) = [each for each in (ada, bo) if theatre.is_known(each)]
        theatre.kit.administrator = left

    return Stage(
        lambda: theatre.custody.users.disable(ada, bo_name), lambda: theatre.custody.users.disable(bo, ada_name), check
    )


def destroy_against_cancel(theatre: Theatre) -> Stage:
    kim, _, key = theatre.member()
    theatre.custody.states.deactivate(kim, key.key.id)

    def check(outcome: Outcome) -> None:
        pending = theatre.custody.keys.show(kim, key.key.id).version.destroy_at is not None
        assert (code(outcome.first), code(outcome.second), pending) in {
            (None, None, False),  # destroyed, then called off
            (None, "state-transition-refused", True),  # there was nothing to call off yet
        }

    states = theatre.custody.states
    return Stage(lambda: states.destroy(kim, key.key.id), lambda: states.cancel_destruction(kim, key.key.id), check)


def cancel_against_destroy(theatre: Theatre) -> Stage:
    kim, _, key = theatre.member()
    theatre.custody.states.deactivate(kim, key.key.id)
    theatre.custody.states.destroy(kim, key.key.id)

    def check(outcome: Outcome) -> None:
        pending = theatre.custody.keys.show(kim, key.key.id).version.destroy_at is not None
        assert (code(outcome.first), code(outcome.second), pending) in {
            (None, None, True),  # called off, then asked for again
            (None, "destruction-pending", False),  # it was pending still
        }

    states = theatre.custody.states
    return Stage(lambda: states.cancel_destruction(kim, key.key.id), lambda: states.destroy(kim, key.key.id), check)


RACES = (
    revoke_against_export,
    revoke_against_deactivate,
    deactivate_against_revoke,
    disable_against_export,
    removal_against_export,
    token_revoked_against_export,
    rotate_against_export,
    first_exports_under_one_identifier,
    two_keys_of_one_name,
    two_administrators,
    destroy_against_cancel,
    cancel_against_destroy,
)
races = pytest.mark.parametrize("race", RACES, ids=[race.__name__ for race in RACES])


@races
def test_at_every_statement(racing: Kit, interleaving: Interleaving, race: Callable[[Theatre], Stage]) -> None:
    theatre = Theatre(racing)
    for stop_after in range(1, MOST_STATEMENTS):
        stage = race(theatre)
        outcome = interleaving.run(stage.first, stage.second, stop_after=stop_after)
        try:
            stage.check(outcome)
        except AssertionError as wrong:
            raise AssertionError(f"after statement {stop_after}: {outcome}: {wrong}") from wrong
        if not outcome.stopped:
            break
    assert not outcome.stopped
    assert stop_after > 10 or racing.installation.store.engine.dialect.name == "sqlite"
    require_sound(racing)


@races
def test_at_once(racing: Kit, race: Callable[[Theatre], Stage]) -> None:
    theatre = Theatre(racing)
    with ThreadPoolExecutor(2) as threads:
        for _ in range(ROUNDS):
            stage = race(theatre)
            together = threading.Barrier(2)

            def start(operation: Callable[[], object], together: threading.Barrier = together) -> object:
                together.wait(20)
                return outcome_of(operation)

            first, second = threads.submit(start, stage.first), threads.submit(start, stage.second)
            stage.check(Outcome(first.result(), second.result(), second_came_first=False, stopped=True))
    require_sound(racing)


def require_sound(kit: Kit) -> None:
    kit.background.tick()
    assert kit.custody.audit.verify(kit.administrator).findings == ()
