"""The states of real keys, changed by people, on both databases."""

from collections.abc import Callable

import pytest
from tests.custody.reading import details_of, events_of, later, rows
from tests.custody.refusing import refused
from tests.custody.test_lifecycle import WAYS

from keyferry.clock import DAY
from keyferry.custody.caller import Caller
from keyferry.custody.keys import KeyEdit
from keyferry.custody.lifecycle import RevocationReason, State
from keyferry.material.algorithms import Algorithm
from keyferry.material.keys import Material, generate
from keyferry.testing import Kek, Kit

COMPROMISE = RevocationReason.KEY_COMPROMISE


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim")


def ask(kit: Kit, kim: Caller, key: str, way: str) -> None:
    states = kit.custody.states
    asks: dict[str, Callable[[], object]] = {
        "activate": lambda: states.activate(kim, key),
        "deactivate": lambda: states.deactivate(kim, key),
        "compromise": lambda: states.revoke(kim, key, COMPROMISE),
        "destroy": lambda: states.destroy(kim, key),
    }
    asks[way]()


PATHS = {
    "pre-active": (),
    "active": ("activate",),
    "deactivated": ("activate", "deactivate"),
    "compromised": ("compromise",),
    "destroyed": ("destroy", "wait"),
    "destroyed-compromised": ("compromise", "destroy", "wait"),
}


def lead(kit: Kit, kim: Caller, state: str) -> str:
    """The id of a key of kim's that has been led to this state."""
    key = kit.key(kim, activated=False).key.id
    for way in PATHS[state]:
        if way == "wait":
            kit.custody.jobs.run()
        else:
            ask(kit, kim, key, way)
    assert kit.custody.keys.show(kim, key).state == state
    return key


def test_every_step_from_every_state(make_kit: Callable[..., Kit]) -> None:
    kit = make_kit(destruction_pending="0s")
    kim = kit.user("kim")
    for state, ways in WAYS.items():
        for way in ("activate", "deactivate", "compromise", "destroy"):
            key = lead(kit, kim, state)
            if way in ways:
                ask(kit, kim, key, way)
                assert kit.custody.keys.show(kim, key).state == ways[way], f"{way} from {state}"
            else:
                before = rows(kit, "key_versions")
                with refused("state-transition-refused", "state"):
                    ask(kit, kim, key, way)
                assert rows(kit, "key_versions") == before
            kit.custody.jobs.run()
            assert kit.custody.keys.show(kim, key).state == ways.get(way, state), "the job changes nothing of it"


def test_activation_and_deactivation_record_their_dates(kit: Kit, kim: Caller) -> None:
    key = kit.key(kim, activated=False).key.id
    activated = kit.custody.states.activate(kim, key).version
    assert activated.activation_date is not None
    deactivated = kit.custody.states.deactivate(kim, key).version
    assert deactivated.deactivation_date is not None
    assert activated.created_at <= activated.activation_date < deactivated.deactivation_date
    assert details_of(events_of(kit, "key.activate")[-1]) == {"state": "active", "version": 1}
    assert details_of(events_of(kit, "key.deactivate")[-1]) == {"state": "deactivated", "version": 1}


def test_a_key_is_revoked_for_every_reason(kit: Kit, kim: Caller) -> None:
    for reason in RevocationReason:
        key = kit.key(kim).key.id
        revoked = kit.custody.states.revoke(kim, key, reason, message="found on a laptop")
        compromised = reason in {RevocationReason.KEY_COMPROMISE, RevocationReason.CA_COMPROMISE}
        assert revoked.state is (State.COMPROMISED if compromised else State.DEACTIVATED)
        version = revoked.version
        assert (version.revocation_reason, version.revocation_message) == (reason.value, "found on a laptop")
        assert (version.compromised_at is not None) is compromised
        assert (version.deactivation_date is not None) is not compromised
        assert details_of(events_of(kit, "key.revoke")[-1])["reason"] == reason.value


def test_a_message_of_several_lines_is_refused(kit: Kit, kim: Caller) -> None:
    key = kit.key(kim).key.id
    with refused("invalid-input", "message"):
        kit.custody.states.revoke(kim, key, COMPROMISE, message="one\ntwo")
    assert kit.custody.keys.show(kim, key).state is State.ACTIVE


class TestVersions:
    def test_rotation_makes_a_new_current_version_and_leaves_the_others_as_they_are(
        self, kit: Kit, kim: Caller
    ) -> None:
        states = kit.custody.states
        key = kit.key(kim, "ec-p256").key.id
        states.rotate(kim, key)
        states.deactivate(kim, key, version=1)
        states.revoke(kim, key, COMPROMISE, version=2)
        third = states.rotate(kim, key)
        assert (third.version.number, third.key.versions, third.state) == (3, 3, State.ACTIVE)
        listed = kit.custody.keys.versions(kim, key)
        assert [each.state for each in listed] == [State.DEACTIVATED, State.COMPROMISED, State.ACTIVE]
        assert len({each.version.spki_sha256 for each in listed}) == 3
        assert kit.custody.keys.show(kim, key).version.number == 3
        assert details_of(events_of(kit, "key.rotate")[-1])["version"] == 3

    def test_a_version_made_pre_active_is_not_current_until_it_is_activated_and_promoted(
        self, kit: Kit, kim: Caller, kek: Kek
    ) -> None:
        key, states = kit.key(kim, "ec-p256").key.id, kit.custody.states
        made = states.rotate(kim, key, activated=False)
        assert (made.version.number, made.state, made.is_current) == (2, State.PRE_ACTIVE, False)
        assert kit.export(kim, key, kek).export.version_number == 1, "the key goes on with the one that it has"
        with refused("key-not-active", "state"):
            states.promote(kim, key, version=2)
        states.activate(kim, key, version=2)
        assert kit.export(kim, key, kek).export.version_number == 1, "being active is not being current"
        promoted = states.promote(kim, key, version=2)
        assert (promoted.version.number, promoted.state, promoted.is_current) == (2, State.ACTIVE, True)
        assert kit.export(kim, key, kek).export.version_number == 2
        event = events_of(kit, "key.promote")[-1]
        assert (event.actor_id, event.object_id) == (kim.user_id, key)
        assert details_of(event) == {"version": 2, "before": 1}

    def test_an_earlier_version_can_be_current_again_while_it_is_active(self, kit: Kit, kim: Caller) -> None:
        key, states = kit.key(kim, "ec-p256").key.id, kit.custody.states
        states.rotate(kim, key)
        assert states.promote(kim, key, version=1).version.number == 1
        with refused("conflict", "version"):
            states.promote(kim, key, version=1)
        states.deactivate(kim, key, version=2)
        with refused("key-not-active", "state"):
            states.promote(kim, key, version=2)
        states.destroy(kim, key, version=2)
        with refused("destruction-pending", "state"):
            states.promote(kim, key, version=2)
        with refused("not-found", "version"):
            states.promote(kim, key, version=3)
        assert kit.custody.keys.show(kim, key).version.number == 1

    def test_a_version_is_chosen_by_its_number(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim).key.id
        kit.custody.states.rotate(kim, key)
        kit.custody.states.deactivate(kim, key, version=1)
        assert kit.custody.keys.show(kim, key, version=1).state is State.DEACTIVATED
        assert kit.custody.keys.show(kim, key, version=2).state is State.ACTIVE

    @pytest.mark.parametrize("number", [-1, 0, 3, 2**31 - 1])
    def test_a_number_that_there_is_not(self, kit: Kit, kim: Caller, number: int) -> None:
        key = kit.key(kim).key.id
        kit.custody.states.rotate(kim, key)
        with refused("not-found", "version"):
            kit.custody.keys.show(kim, key, version=number)
        with refused("not-found", "version"):
            kit.custody.states.deactivate(kim, key, version=number)


class TestDestruction:
    def test_what_is_to_be_destroyed_is_unusable_at_once(self, kit: Kit, kim: Caller, kek: Kek) -> None:
        key = kit.key(kim, "ec-p256").key.id
        kit.custody.states.deactivate(kim, key)
        asked = kit.custody.states.destroy(kim, key)
        assert asked.state is State.DEACTIVATED
        assert asked.version.destroy_at is not None
        for use in ("activate", "deactivate"):
            with refused("state-transition-refused", "state"):
                ask(kit, kim, key, use)
        with refused("destruction-pending", "state") as refusal:
            kit.export(kim, key, kek)
        assert "Cancel" in refusal.error.advice
        with refused("destruction-pending", "state"):
            kit.custody.states.destroy(kim, key)

    def test_a_version_is_due_after_the_time_that_is_set(self, make_kit: Callable[..., Kit]) -> None:
        kit = make_kit(destruction_pending="3d")
        kim = kit.user("kim")
        key = kit.key(kim, activated=False).key.id
        version = kit.custody.states.destroy(kim, key).version
        event = events_of(kit, "key.destroy")[-1]
        assert version.destroy_at == event.at + 3 * DAY
        assert details_of(event)["versions"] == [1]

    def test_an_active_key_is_not_destroyed(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim).key.id
        with refused("state-transition-refused", "state"):
            kit.custody.states.destroy(kim, key)
        assert kit.custody.keys.show(kim, key).version.destroy_at is None

    def test_a_destruction_is_called_off(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim, activated=False).key.id
        kit.custody.states.destroy(kim, key)
        assert kit.custody.states.cancel_destruction(kim, key).version.destroy_at is None
        assert kit.custody.states.activate(kim, key).state is State.ACTIVE
        with later(8 * DAY):
            kit.custody.jobs.run()
        assert rows(kit, "key_versions")[0]["material"] is not None

    def test_an_administrator_calls_it_off_without_being_able_to_ask_for_it(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim, activated=False).key.id
        with refused("not-permitted"):
            kit.custody.states.destroy(kit.administrator, key)
        kit.custody.states.destroy(kim, key)
        assert kit.custody.states.cancel_destruction(kit.administrator, key).version.destroy_at is None

    def test_nothing_to_call_off(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim).key.id
        with refused("state-transition-refused"):
            kit.custody.states.cancel_destruction(kim, key)

    def test_material_is_erased_when_it_is_due(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim, activated=False).key.id
        kit.custody.states.destroy(kim, key)
        with later(7 * DAY - 60_000_000):
            assert kit.custody.jobs.run() == 0
            assert rows(kit, "key_versions")[0]["material"] is not None
        with later(7 * DAY):
            assert kit.custody.jobs.run() == 1
            assert kit.custody.jobs.run() == 0, "once is enough"
        (row,) = rows(kit, "key_versions")
        assert (row["state"], row["material"], row["destroy_at"]) == ("destroyed", None, None)
        assert row["destroyed_at"] is not None
        event = events_of(kit, "key.destroy")[-1]
        assert (event.actor_id, event.object_id, event.version_id) == (None, key, row["id"])
        assert details_of(event) == {"by": "date", "erased": True, "state": "destroyed", "version": 1}

    def test_what_is_due_is_gone_before_any_job_has_run(self, make_kit: Callable[..., Kit]) -> None:
        kit = make_kit(destruction_pending="0s")
        kim = kit.user("kim")
        key = kit.key(kim, activated=False).key.id
        kit.custody.states.destroy(kim, key)
        assert kit.custody.keys.show(kim, key).state is State.DESTROYED
        with refused("state-transition-refused") as refusal:
            kit.custody.states.cancel_destruction(kim, key)
        assert "cannot be brought back" in refusal.error.advice
        with refused("state-transition-refused", "state"):
            kit.custody.states.activate(kim, key)

    def test_a_compromise_is_recorded_while_destruction_is_pending(self, kit: Kit, kim: Caller) -> None:
        key = kit.key(kim).key.id
        kit.custody.states.deactivate(kim, key)
        kit.custody.states.destroy(kim, key)
        revoked = kit.custody.states.revoke(kim, key, COMPROMISE)
        assert revoked.state is State.COMPROMISED
        assert revoked.version.destroy_at is not None
        with later(8 * DAY):
            kit.custody.jobs.run()
        (row,) = rows(kit, "key_versions")
        assert (row["state"], row["material"]) == ("destroyed-compromised", None)

    def test_a_compromise_found_out_once_it_is_due_erases_it_at_once(self, make_kit: Callable[..., Kit]) -> None:
        kit = make_kit(destruction_pending="0s")
        kim = kit.user("kim")
        key = kit.key(kim, activated=False).key.id
        kit.custody.states.destroy(kim, key)
        assert kit.custody.states.revoke(kim, key, COMPROMISE).state is State.DESTROYED_COMPROMISED
        kit.custody.jobs.run()
        (row,) = rows(kit, "key_versions")
        assert (row["state"], row["material"], row["destroy_at"]) == ("destroyed-compromised", None, None)
        assert row["destroyed_at"] is not None
        assert row["compromised_at"] is not None

    def test_a_destroyed_key_turns_out_to_have_been_compromised(self, make_kit: Callable[..., Kit]) -> None:
        kit = make_kit(destruction_pending="0s")
        kim = kit.user("kim")
        key = lead(kit, kim, "destroyed")
        assert kit.custody.states.revoke(kim, key, COMPROMISE).state is State.DESTROYED_COMPROMISED
        assert rows(kit, "key_versions")[0]["material"] is None

    def test_all_versions_go_unless_one_is_named(self, kit: Kit, kim: Caller) -> None:
        states = kit.custody.states
        key = kit.key(kim).key.id
        states.rotate(kim, key)
        states.rotate(kim, key)
        for number in (1, 2):
            states.deactivate(kim, key, version=number)
        states.destroy(kim, key, version=1)
        with refused("state-transition-refused", "state") as refusal:
            states.destroy(kim, key)
        assert "Version 3" in refusal.error.detail
        assert [each.version.destroy_at is None for each in kit.custody.keys.versions(kim, key)] == [False, True, True]
        states.deactivate(kim, key)
        states.destroy(kim, key)
        assert None not in [each.version.destroy_at for each in kit.custody.keys.versions(kim, key)]
        assert states.cancel_destruction(kim, key, version=2).version.number == 2
        with later(8 * DAY):
            kit.custody.jobs.run()
        destroyed, kept = State.DESTROYED, State.DEACTIVATED
        assert [each.state for each in kit.custody.keys.versions(kim, key)] == [destroyed, kept, destroyed]
        states.destroy(kim, key)
        asked_for = [details_of(event).get("versions") for event in events_of(kit, "key.destroy")]
        assert [versions for versions in asked_for if versions] == [[1], [2, 3], [2]]
        states.cancel_destruction(kim, key)
        material = {row["number"]: row["material"] for row in rows(kit, "key_versions")}
        assert (material[1], material[3]) == (None, None)
        assert material[2] is not None

    def test_a_destroyed_key_is_still_listed_and_keeps_its_name(self, make_kit: Callable[..., Kit]) -> None:
        kit = make_kit(destruction_pending="0s")
        kim = kit.user("kim")
        key = kit.key(kim, name="tenant", activated=False).key.id
        kit.custody.states.destroy(kim, key)
        kit.custody.jobs.run()
        assert [each.key.id for each in kit.custody.keys.list(kim, size=5).items] == [key]
        with refused("name-taken", "name"):
            kit.key(kim, name="tenant")


def test_rotation_keeps_to_the_key_that_was_named_when_it_began(
    kit: Kit, kim: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the new version is generated, the name goes to a key of another type."""
    first = kit.key(kim, "aes-256", "moving").key.id
    other = kit.key(kim, "ec-p256").key.id

    def slowly(algorithm: Algorithm) -> Material:
        kit.custody.keys.edit(kim, first, KeyEdit(name="moved"))
        kit.custody.keys.edit(kim, other, KeyEdit(name="moving"))
        return generate(algorithm)

    monkeypatch.setattr("keyferry.custody.generation.generate", slowly)
    rotated = kit.custody.states.rotate(kim, "moving")
    assert (rotated.key.id, rotated.key.name, rotated.version.number) == (first, "moved", 2)
    assert kit.custody.keys.show(kim, other).version.number == 1
