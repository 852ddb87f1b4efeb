"""The steps of a deployment: every pair of steps, and the form of what shows each."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.custody.refusing import refused

from keyferry.custody.deployment_steps import (
    EVIDENCE,
    OPERATIONS,
    ORDER,
    PUBLIC_KEY_ONLY,
    Step,
    before_import,
    check_evidence,
    check_operations,
    check_proof,
    require_in_order,
    unfinished,
)
from keyferry.errors import KeyferryError
from keyferry.material.algorithms import Family
from keyferry.testing import Kek

#: present step -> those that may be recorded then, with other evidence than before if there was any
FOLLOWS = {
    Step.PLANNED: {Step.KEK_READY},
    Step.KEK_READY: {Step.KEK_READY, Step.EXPORTED},
    Step.EXPORTED: {Step.KEK_READY, Step.EXPORTED, Step.IMPORTED},
    Step.IMPORTED: {Step.READ_BACK},
    Step.READ_BACK: {Step.PROVED},
    Step.PROVED: set(),
}
PEM = Kek.make().public_pem.decode()
SOUND: dict[Step, dict[str, Any]] = {
    Step.PLANNED: {},
    Step.KEK_READY: {"identifier": "https://x/keys/kek/1", "public_key": PEM, "spki_sha256": "a" * 64, "bits": 3072},
    Step.EXPORTED: {"export": "0190a8a0-0000-7000-8000-000000000001", "sha256": "b" * 64, "kek_identifier": "k"},
    Step.IMPORTED: {"identifier": "https://x/keys/tenant/1", "adopted": True, "other_versions": ["1", "2"]},
    Step.READ_BACK: {"spki_sha256": "c" * 64, "type": "RSA-HSM", "operations": ["sign"], "enabled": False}
    | {"bits": 2048, "not_before": 0, "expires": 253_402_300_799, "recoverable_days": 90, "hsm_platform": "1"},
    Step.PROVED: {"how": "sign", "algorithm": "ES256", "why_not": {"unwrapKey": "not allowed"}},
}


def test_the_tables_have_every_step() -> None:
    assert tuple(Step) == ORDER
    assert set(EVIDENCE) == set(Step) == set(FOLLOWS) == set(SOUND)


@pytest.mark.parametrize("present", Step)
@pytest.mark.parametrize("wanted", Step)
def test_a_step_is_recorded_when_its_turn_has_come(present: Step, wanted: Step) -> None:
    recorded = {"x": 1} if ORDER.index(wanted) <= ORDER.index(present) else None
    if wanted in FOLLOWS[present]:
        assert require_in_order(present, wanted, recorded, {"x": 2})
        return
    with refused("deployment-step-refused", "step"):
        require_in_order(present, wanted, recorded, {"x": 2})


@pytest.mark.parametrize("present", Step)
def test_a_step_that_is_recorded_may_be_told_again(present: Step) -> None:
    for wanted in ORDER[: ORDER.index(present) + 1]:
        recorded = {"x": 1, "at": 5, "by": "kim", "reported_by": "client"}
        assert not require_in_order(present, wanted, recorded, {"x": 1})


def test_how_a_step_came_about_makes_no_other_evidence() -> None:
    recorded = {"identifier": "k", "adopted": False, "other_versions": ["1"]}
    assert not require_in_order(Step.IMPORTED, Step.IMPORTED, recorded, {"identifier": "k", "adopted": True})


def test_which_steps_lie_before_the_import_and_which_is_the_last() -> None:
    assert [step for step in ORDER if before_import(step)] == [Step.PLANNED, Step.KEK_READY, Step.EXPORTED]
    assert [step for step in ORDER if not unfinished(step)] == [Step.PROVED]


@pytest.mark.parametrize("step", Step)
def test_sound_evidence_is_taken_and_what_is_none_counts_as_left_out(step: Step) -> None:
    assert check_evidence(step, SOUND[step]) == SOUND[step]
    optional = {name for name, fact in EVIDENCE[step].items() if fact.optional}
    needed = {name: value for name, value in SOUND[step].items() if name not in optional}
    assert check_evidence(step, {**needed, **dict.fromkeys(optional)}) == needed


@pytest.mark.parametrize("step", Step)
def test_evidence_lacks_nothing_that_is_needed_and_has_nothing_more(step: Step) -> None:
    with refused("invalid-input", "evidence"):
        check_evidence(step, {**SOUND[step], "password": "x"})
    for name, fact in EVIDENCE[step].items():
        if not fact.optional:
            with refused("invalid-input", f"evidence.{name}"):
                check_evidence(step, {other: value for other, value in SOUND[step].items() if other != name})


#: nothing that any member may hold
NO_FACTS = [object(), 1.5, b"bytes", {"a": 1}, [1], [["a"]], "", "line\nend", -1, 2**60, "\ud800", {"a\n": "b"}]


@pytest.mark.parametrize("step", Step)
def test_a_member_of_another_form_is_refused_by_its_name(step: Step) -> None:
    for name in EVIDENCE[step]:
        for stray in NO_FACTS:
            if name == "public_key" and stray == "line\nend":  # read later, as a public key
                continue
            with refused("invalid-input", f"evidence.{name}") as refusal:
                check_evidence(step, {**SOUND[step], name: stray})
            assert "Give " in refusal.error.advice


@given(
    st.sampled_from(list(Step)),
    st.dictionaries(
        st.sampled_from(sorted({name for table in EVIDENCE.values() for name in table})) | st.text(max_size=9),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(max_size=3), max_size=3),
    ),
)
def test_whatever_is_given_is_taken_or_refused(step: Step, evidence: dict[str, Any]) -> None:
    try:
        taken = check_evidence(step, evidence)
    except KeyferryError as refusal:
        assert refusal.code == "invalid-input"  # noqa: PT017  # whatever is refused is refused so
    else:
        assert set(taken) <= set(EVIDENCE[step])


class TestOperations:
    @pytest.mark.parametrize("family", OPERATIONS)
    def test_a_key_may_be_allowed_what_its_family_can_do(self, family: Family) -> None:
        every = OPERATIONS[family]
        assert check_operations(family, (*every, every[0])) == ",".join(sorted(every))
        assert check_operations(family, ()) == ""

    @pytest.mark.parametrize(
        ("family", "operation"), [(Family.EC, "wrapKey"), (Family.EC, "encrypt"), (Family.RSA, "import")]
    )
    def test_and_nothing_else(self, family: Family, operation: str) -> None:
        with refused("invalid-input", "operations") as refusal:
            check_operations(family, ("sign", operation))
        assert operation in refusal.error.detail
        assert all(known in refusal.error.advice for known in OPERATIONS[family])


class TestProofs:
    def test_a_proof_uses_what_the_key_may_do_or_compares_public_keys_alone(self) -> None:
        assert check_proof("sign", frozenset({"sign", "verify"})) == "sign"
        assert check_proof("unwrapKey", frozenset()) == "unwrapKey"
        assert check_proof(PUBLIC_KEY_ONLY, frozenset({"verify"})) == PUBLIC_KEY_ONLY

    @pytest.mark.parametrize("how", ["decrypt", "verify", "", "by eye"])
    def test_no_other_is_taken(self, how: str) -> None:
        with refused("invalid-input", "evidence.how") as refusal:
            check_proof(how, frozenset({"sign", "verify"}))
        assert "sign" in refusal.error.advice
