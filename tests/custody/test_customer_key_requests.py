"""Customer Key requests: drafted over two keys, checked, moved from state to state, edited, seen by their owners."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from tests.custody.pushing import FIRST, LINE, SECOND, TENANT, named, new_request, walk
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry.custody.caller import Caller
from keyferry.custody.customer_key_lookup import CustomerKeyDetail
from keyferry.custody.customer_key_requests import MOST_RUNS, MOST_STATES, RequestEdit
from keyferry.custody.customer_key_shapes import RequestedKey
from keyferry.custody.customer_key_states import TRANSITIONS, RequestState, require_editable, require_follows
from keyferry.custody.deployment_steps import Reporter, Step
from keyferry.errors import KeyferryError
from keyferry.testing import Kek, Kit

NOWHERE = "0190a8a0-0000-7000-8000-000000000001"


def draft(kit: Kit, caller: Caller, **more: Any) -> CustomerKeyDetail:
    return kit.custody.customer_key_requests.draft(caller, new_request(**more))


#: what a person states who has checked a request themself
BY_HAND: Final[Mapping[str, Any]] = {"vouched": True, "note": "Get-DataEncryptionPolicy answered Active"}


def move(kit: Kit, caller: Caller, request: str, *states: RequestState, **told: Any) -> CustomerKeyDetail:
    for state in states:
        word = BY_HAND if state is RequestState.VALIDATED else {}
        detail = kit.custody.customer_key_requests.set_state(caller, request, state, **{**word, **told})
    return detail


def line(outcome: str = "passes", weight: str = "required") -> dict[str, str]:
    return {**LINE, "outcome": outcome, "weight": weight}


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments",))


class TestStates:
    @pytest.mark.parametrize("present", RequestState)
    @pytest.mark.parametrize("wanted", RequestState)
    def test_the_ways_are_those_of_the_table(self, present: RequestState, wanted: RequestState) -> None:
        ways = "draft-validated validated-submitted validated-draft submitted-accepted submitted-refused refused-draft"
        if f"{present}-{wanted}" in ways.split():
            require_follows(present, wanted)
            return
        with refused("state-transition-refused", "state"):
            require_follows(present, wanted)

    def test_the_table_has_every_state(self) -> None:
        assert set(TRANSITIONS) == set(RequestState)

    @pytest.mark.parametrize("state", RequestState)
    def test_what_lies_with_microsoft_or_is_accepted_stays(self, state: RequestState) -> None:
        if state in {RequestState.SUBMITTED, RequestState.ACCEPTED}:
            with refused("state-transition-refused", "state"):
                require_editable(state)
        else:
            require_editable(state)


class TestDrafting:
    def test_it_is_kept_as_it_was_given(self, kit: Kit, kim: Caller) -> None:
        made = draft(kit, kim)
        assert made.request.organization_id == TENANT
        assert [key.subscription_id for key in made.keys] == [FIRST, SECOND.lower()]
        assert [key.identifier for key in made.keys] == [named(1).identifier, named(2).identifier]
        assert (made.state, made.owner.name) == (RequestState.DRAFT, "payments")
        assert [(each["state"], each["by"]) for each in made.history] == [("draft", kim.user_id)]
        assert kit.custody.customer_key_requests.show(kim, made.request.id) == made

    def test_without_a_group_it_is_the_callers_own(self, kit: Kit, kim: Caller) -> None:
        assert draft(kit, kim, group=None).owner.name == "kim"

    def test_a_scenario_stands_in_for_workloads(self, kit: Kit, kim: Caller) -> None:
        made = draft(kit, kim, workloads=(), scenario="MDEP").request
        assert (made.workloads, made.scenario) == ("[]", "MDEP")

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"organization_id": "contoso"}, "organization_id"),
            ({"keys": (named(1),)}, "keys"),
            ({"keys": (named(1), named(2), named(2))}, "keys"),
            ({"keys": (named(1), named(1))}, "keys"),
            ({"keys": (named(1), RequestedKey(subscription_id=SECOND))}, "keys.1"),
            (
                {"keys": (RequestedKey(deployment=NOWHERE, identifier="https://x", subscription_id=FIRST), named(2))},
                "keys.0",
            ),
            ({"keys": (RequestedKey(identifier="contoso-kv", subscription_id=FIRST), named(2))}, "keys.0.identifier"),
            ({"keys": (RequestedKey(identifier="https://x", subscription_id="1"), named(2))}, "keys.0.subscription_id"),
            ({"keys": (named(1), RequestedKey(deployment=NOWHERE, subscription_id=SECOND))}, "keys.1.deployment"),
            ({"workloads": ()}, "workloads"),
            ({"workloads": ("ex change",)}, "workloads"),
            ({"workloads": tuple(f"w{n}" for n in range(11))}, "workloads"),
            ({"scenario": "; rm"}, "scenario"),
            ({"contacts": {"name": "two\nlines"}}, "contacts"),
            ({"contacts": {"a": {"b": {"c": {"d": {"e": {"f": {}}}}}}}}, "contacts"),
            ({"contacts": {"a": "x" * 17_000}}, "contacts"),
            ({"contacts": {"a": 1.5}}, "contacts"),
            ({"group": "elsewhere"}, "group"),
        ],
    )
    def test_what_has_another_shape_is_refused(self, kit: Kit, kim: Caller, given: dict[str, Any], field: str) -> None:
        with refused("invalid-input", field):
            draft(kit, kim, **given)
        assert rows(kit, "customer_key_requests") == []


class TestDeployments:
    def test_a_key_that_keyferry_deploys_gets_its_identifier_from_the_import(
        self, kit: Kit, kim: Caller, kek: Kek
    ) -> None:
        key = kit.key(kim, "ec-p256", "tenant", group="payments").key.id
        walked = walk(kit, kim, key, kek, Step.EXPORTED)
        deployed = RequestedKey(deployment=walked.id, subscription_id=FIRST)
        made = draft(kit, kim, keys=(deployed, named(2)))
        assert made.keys[0] == deployed
        with refused("deployment-not-imported", "keys"):
            move(kit, kim, made.request.id, RequestState.VALIDATED)
        walked.record(Step.IMPORTED)
        assert move(kit, kim, made.request.id, RequestState.VALIDATED).keys[0].identifier == walked.remote

    def test_anothers_is_as_unknown_as_any(self, kit: Kit, kim: Caller, kek: Kek) -> None:
        mallory = kit.user("mallory", groups=("elsewhere",))
        key = kit.key(mallory, "ec-p256", "own").key.id
        walked = walk(kit, mallory, key, kek)
        told = []
        for deployment in (walked.id, NOWHERE):
            with refused("invalid-input", "keys.0.deployment") as refusal:
                draft(kit, kim, keys=(RequestedKey(deployment=deployment, subscription_id=FIRST), named(2)))
            told.append(refusal.error.detail.replace(deployment, "ID"))
        assert told[0] == told[1]


class TestAdvancing:
    def test_it_goes_all_the_way_with_what_microsoft_said(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim).request.id
        validations: Mapping[str, Any] = {"PassedValidations": ["a"], "FailedValidations": []}
        move(kit, kim, id_, RequestState.VALIDATED, validations=validations)
        move(kit, kim, id_, RequestState.SUBMITTED, reference="4711", note="by the tenant's administrator")
        done = move(kit, kim, id_, RequestState.ACCEPTED)
        assert done.request.reference == "4711"
        assert [each["state"] for each in done.history] == ["draft", "validated", "submitted", "accepted"]
        assert done.history[1]["validations"] == validations
        assert done.history[2]["note"] == "by the tenant's administrator"
        told = [details_of(event).get("state") for event in events_of(kit, "customer-key.advance")]
        assert told == ["validated", "submitted", "accepted"]

    def test_a_refused_one_begins_anew(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim).request.id
        states = (RequestState.VALIDATED, RequestState.SUBMITTED, RequestState.REFUSED, RequestState.DRAFT)
        assert move(kit, kim, id_, *states, reference="4711").request.reference is None

    @pytest.mark.parametrize("state", [RequestState.SUBMITTED, RequestState.ACCEPTED, RequestState.REFUSED])
    def test_nothing_is_skipped(self, kit: Kit, kim: Caller, state: RequestState) -> None:
        with refused("state-transition-refused", "state"):
            move(kit, kim, draft(kit, kim).request.id, state)

    def test_another_revision_is_refused(self, kit: Kit, kim: Caller) -> None:
        with refused("revision-conflict", "If-Match"):
            move(kit, kim, draft(kit, kim).request.id, RequestState.VALIDATED, revision=7)

    def test_the_row_does_not_grow_for_ever(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim).request.id
        for _ in range(MOST_STATES // 2 + 1):
            detail = move(kit, kim, id_, RequestState.VALIDATED, RequestState.DRAFT)
        assert len(detail.history) == MOST_STATES


class TestShownValid:
    """That a request validates is shown by the server's own check, or vouched for; never merely said."""

    def check(self, kit: Kit, kim: Caller, *lines: dict[str, str], by: Reporter = Reporter.SERVER) -> str:
        id_ = draft(kit, kim).request.id
        kit.custody.customer_key_requests.record_checks(kim, id_, lines, reported_by=by)
        return id_

    def test_a_check_of_the_servers_own_that_found_nothing_against_it(self, kit: Kit, kim: Caller) -> None:
        done = advance(kit, kim, self.check(kit, kim, line(), line("fails", "recommended")))
        assert done.state is RequestState.VALIDATED
        assert "vouched" not in done.history[-1]

    @pytest.mark.parametrize("outcome", ["fails", "cannot-be-seen"])
    def test_one_that_found_something_or_could_not_see_it_is_none(self, kit: Kit, kim: Caller, outcome: str) -> None:
        id_ = self.check(kit, kim, line(), line(outcome))
        with refused("not-checked", "vouched"):
            advance(kit, kim, id_)

    def test_nor_is_a_clients_or_one_before_an_edit_or_none_at_all(self, kit: Kit, kim: Caller) -> None:
        edited = self.check(kit, kim, line())
        edit(kit, kim, edited, scenario="EXO")
        overtaken = self.check(kit, kim, line())
        kit.custody.customer_key_requests.record_checks(kim, overtaken, [line()])
        unchecked = draft(kit, kim).request.id
        for id_ in (edited, overtaken, unchecked, self.check(kit, kim, line(), by=Reporter.CLIENT)):
            with refused("not-checked", "vouched"):
                advance(kit, kim, id_)

    def test_nor_is_one_of_long_ago(self, kit: Kit, kim: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        id_ = self.check(kit, kim, line())
        monkeypatch.setattr("keyferry.custody.customer_key_proof.CHECK_HOLDS", -1)
        with refused("not-checked", "vouched") as refusal:
            advance(kit, kim, id_)
        assert "more than a day old" in refusal.error.detail

    def test_a_persons_word_lands_in_the_audit_log_with_what_they_say(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim).request.id
        with refused("invalid-input", "note"):
            advance(kit, kim, id_, vouched=True)
        done = advance(kit, kim, id_, **BY_HAND)
        assert (done.history[-1]["vouched"], done.history[-1]["note"]) == (True, BY_HAND["note"])
        told = details_of(events_of(kit, "customer-key.advance")[-1])
        assert (told["vouched"], told["note"]) == (True, BY_HAND["note"])

    def test_there_is_nothing_to_vouch_for_in_another_state(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim).request.id
        move(kit, kim, id_, RequestState.VALIDATED)
        with refused("invalid-input", "vouched"):
            kit.custody.customer_key_requests.set_state(kim, id_, RequestState.SUBMITTED, **BY_HAND)


def advance(kit: Kit, caller: Caller, request: str, **told: Any) -> CustomerKeyDetail:
    return kit.custody.customer_key_requests.set_state(caller, request, RequestState.VALIDATED, **told)


class TestEditing:
    def test_a_validated_one_is_a_draft_again_and_its_checks_are_void(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim).request.id
        kit.custody.customer_key_requests.record_checks(kim, id_, [LINE])
        move(kit, kim, id_, RequestState.VALIDATED)
        edited = edit(kit, kim, id_, workloads=("sharepoint", "exchange"), contacts={"organization": "Other"})
        assert (edited.state, edited.checks, edited.history[-1]["state"]) == (RequestState.DRAFT, [], "draft")
        assert edited.request.workloads == '["exchange","sharepoint"]'
        assert edited.keys == draft(kit, kim).keys

    def test_a_refused_one_too(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim).request.id
        move(kit, kim, id_, RequestState.VALIDATED, RequestState.SUBMITTED, RequestState.REFUSED)
        assert edit(kit, kim, id_, organization_id=FIRST).state is RequestState.DRAFT

    def test_editing_a_draft_is_no_change_of_state(self, kit: Kit, kim: Caller) -> None:
        assert len(edit(kit, kim, draft(kit, kim).request.id, scenario="EXO").history) == 1

    def test_what_was_sent_stays(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim).request.id
        move(kit, kim, id_, RequestState.VALIDATED, RequestState.SUBMITTED)
        with refused("state-transition-refused", "state"):
            edit(kit, kim, id_, scenario="EXO")
        move(kit, kim, id_, RequestState.ACCEPTED)
        with refused("state-transition-refused", "state"):
            edit(kit, kim, id_, scenario="EXO")

    def test_what_would_have_another_shape_is_refused(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim, workloads=(), scenario="EXO").request.id
        with refused("invalid-input", "workloads"):
            edit(kit, kim, id_, scenario="")
        with refused("invalid-input", "keys"):
            edit(kit, kim, id_, keys=(named(2), named(2)))
        with refused("revision-conflict", "If-Match"):
            kit.custody.customer_key_requests.edit(kim, id_, RequestEdit(), revision=9)


class TestChecks:
    def test_the_last_runs_are_kept_and_counted_in_the_log(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim).request.id
        passes = {**LINE, "outcome": "passes", "remedy": None}
        for _ in range(MOST_RUNS + 1):
            detail = kit.custody.customer_key_requests.record_checks(kim, id_, [LINE, passes])
        assert len(detail.checks) == MOST_RUNS
        assert detail.checks[-1]["lines"] == [LINE, {name: v for name, v in passes.items() if v is not None}]
        assert details_of(events_of(kit, "customer-key.check")[-1]) == {
            "fails": 1,
            "passes": 1,
            "reported_by": "client",
        }

    @pytest.mark.parametrize(
        ("lines", "field"),
        [
            ([], "lines"),
            ([LINE] * 201, "lines"),
            ([LINE, {**LINE, "outcome": "maybe"}], "lines.1.outcome"),
            ([{**LINE, "found": 5}], "lines.0.found"),
            ([{**LINE, "found": "\ud800"}], "lines.0.found"),
            ([{**LINE, "more": "x"}], "lines.0"),
            ([{"id": "x"}], "lines.0.subject"),
        ],
    )
    def test_what_is_no_line_is_refused(self, kit: Kit, kim: Caller, lines: list[dict[str, Any]], field: str) -> None:
        with refused("invalid-input", field):
            kit.custody.customer_key_requests.record_checks(kim, draft(kit, kim).request.id, lines)


class TestSeeing:
    def test_owners_and_administrators_see_them(self, kit: Kit, kim: Caller) -> None:
        mallory = kit.user("mallory", groups=("elsewhere",))
        ours, own, theirs = draft(kit, kim), draft(kit, kim, group=None), draft(kit, mallory, group="elsewhere")
        every = [each.request.id for each in (ours, own, theirs)]

        def ids(caller: Caller, size: int = 10) -> list[str]:
            requests = kit.custody.customer_key_requests
            page = requests.list(caller, size=size)
            rest = requests.list(caller, size=10, after=page.next).items if page.next else ()
            return [each.request.id for each in (*page.items, *rest)]

        assert ids(kit.administrator) == ids(kit.administrator, 2) == every
        assert ids(kim) == ids(kim, 1) == every[:2]
        assert ids(mallory) == every[2:]
        with refused("not-found"):
            kit.custody.customer_key_requests.show(mallory, ours.request.id)
        assert kit.custody.customer_key_requests.show(kit.administrator, own.request.id) == own

    def test_an_administrator_moves_none(self, kit: Kit, kim: Caller) -> None:
        id_ = draft(kit, kim).request.id
        asks: tuple[Callable[[], object], ...] = (
            lambda: move(kit, kit.administrator, id_, RequestState.VALIDATED),
            lambda: edit(kit, kit.administrator, id_, scenario="EXO"),
            lambda: kit.custody.customer_key_requests.record_checks(kit.administrator, id_, [LINE]),
        )
        for ask in asks:
            with pytest.raises(KeyferryError) as refusal:
                ask()
            assert refusal.value.code == "not-permitted"


def edit(kit: Kit, caller: Caller, request: str, **changes: Any) -> CustomerKeyDetail:
    return kit.custody.customer_key_requests.edit(caller, request, RequestEdit(**changes))
