"""Two at once, about connections, deployments and requests: the answers are those of one after the other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.custody.pushing import Walk, connect, new_request, place, plan, walk
from tests.durability.interleaving import Interleaving, Outcome, outcome_of
from tests.durability.test_races import Stage, Theatre, code, require_sound

from keyferry.custody.accounts import UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.connection_writing import ConnectionEdit
from keyferry.custody.customer_key_requests import RequestEdit
from keyferry.custody.customer_key_states import RequestState
from keyferry.custody.deployment_steps import Step
from keyferry.custody.lifecycle import RevocationReason
from keyferry.testing import VAULT, Kek, Kit

MOST_STATEMENTS = 200
ROUNDS = 4
KEK = Kek.make()


def pusher(theatre: Theatre) -> tuple[Caller, str, str, str]:
    """A member of a fresh group, their name, an EC key of the group, and a connection granted to it."""
    group = theatre.name("group")
    theatre.custody.groups.create(theatre.kit.administrator, group)
    name = theatre.name("pusher")
    kim = theatre.kit.user(name, groups=(group,))
    key = theatre.kit.key(kim, "ec-p256", group=group).key.id
    return kim, name, key, connect(theatre.kit, theatre.name("connection"), groups=(group,)).connection.name


def one_of_two(refusal: str) -> Callable[[Outcome], None]:
    def check(outcome: Outcome) -> None:
        assert sorted([code(outcome.first) or "", code(outcome.second) or ""]) == ["", refusal]

    return check


def refused_once_acknowledged(refusal: str) -> Callable[[Outcome], None]:
    """The second is always done; the first is refused if it came after."""

    def check(outcome: Outcome) -> None:
        assert code(outcome.second) is None, outcome.second
        assert code(outcome.first) in {None, refusal}
        if outcome.second_came_first:
            assert code(outcome.first) == refusal

    return check


def two_plans(theatre: Theatre) -> Stage:
    kim, _, key, _ = pusher(theatre)
    planning = lambda: theatre.custody.deployments.plan(kim, key, place("exchange"))  # noqa: E731  # both do the same
    return Stage(planning, planning, one_of_two("deployment-exists"))


def two_pushes(theatre: Theatre) -> Stage:
    kim, _, key, connection = pusher(theatre)
    planned = plan(theatre.kit, kim, key, connection=connection).deployment.id
    holding = lambda: theatre.custody.deployments.lease(kim, planned)  # noqa: E731  # both do the same
    return Stage(holding, holding, one_of_two("deployment-busy"))


def opening(theatre: Theatre, kim: Caller, connection: str) -> Callable[[], object]:
    return lambda: theatre.custody.connections.open(kim, connection, VAULT)


def grant_withdrawn_against_use(theatre: Theatre) -> Stage:
    kim, _, _, connection = pusher(theatre)
    edit = ConnectionEdit(groups=())
    withdrawing = lambda: theatre.custody.connections.edit(theatre.kit.administrator, connection, edit)  # noqa: E731  # a step of the play, named
    return Stage(opening(theatre, kim, connection), withdrawing, refused_once_acknowledged("not-found"))


def connection_disabled_against_use(theatre: Theatre) -> Stage:
    kim, _, _, connection = pusher(theatre)
    edit = ConnectionEdit(disabled=True)
    disabling = lambda: theatre.custody.connections.edit(theatre.kit.administrator, connection, edit)  # noqa: E731  # a step of the play, named
    return Stage(opening(theatre, kim, connection), disabling, refused_once_acknowledged("connection-disabled"))


def removal_against_use(theatre: Theatre) -> Stage:
    kim, name, _, connection = pusher(theatre)
    removing = lambda: theatre.custody.users.edit(theatre.kit.administrator, name, UserEdit(groups=()))  # noqa: E731  # a step of the play, named
    return Stage(opening(theatre, kim, connection), removing, refused_once_acknowledged("not-found"))


def rotate_against_step(theatre: Theatre) -> Stage:
    kim, _, key, _ = pusher(theatre)
    walked: Walk = walk(theatre.kit, kim, key, KEK)
    told = walked.evidence(Step.KEK_READY)
    recording = lambda: walked.record(Step.KEK_READY, told)  # noqa: E731  # a step of the play, named
    return Stage(
        recording, lambda: theatre.custody.states.rotate(kim, key), refused_once_acknowledged("deployment-outdated")
    )


def revoke_against_push(theatre: Theatre) -> Stage:
    kim, _, key, connection = pusher(theatre)
    planned = plan(theatre.kit, kim, key, connection=connection).deployment.id
    revoking = lambda: theatre.custody.states.revoke(kim, key, RevocationReason.KEY_COMPROMISE)  # noqa: E731  # a step of the play, named
    return Stage(
        lambda: theatre.custody.deployments.lease(kim, planned),
        revoking,
        refused_once_acknowledged("deployment-outdated"),
    )


def edit_against_submission(theatre: Theatre) -> Stage:
    kim, _, _, _ = pusher(theatre)
    requests = theatre.custody.customer_key_requests
    id_ = requests.draft(kim, new_request(group=None)).request.id
    requests.set_state(kim, id_, RequestState.VALIDATED, vouched=True, note="By hand.")

    def check(outcome: Outcome) -> None:
        one_of_two("state-transition-refused")(outcome)
        state = requests.show(kim, id_).state
        assert state is (RequestState.SUBMITTED if code(outcome.first) else RequestState.DRAFT)

    return Stage(
        lambda: requests.edit(kim, id_, RequestEdit(scenario="EXO")),
        lambda: requests.set_state(kim, id_, RequestState.SUBMITTED),
        check,
    )


RACES = (
    two_plans,
    two_pushes,
    grant_withdrawn_against_use,
    connection_disabled_against_use,
    removal_against_use,
    rotate_against_step,
    revoke_against_push,
    edit_against_submission,
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
