"""Every line about the pair, in each of its outcomes."""

from dataclasses import replace
from typing import Any

import pytest
from tests.customer_key import pairs
from tests.customer_key.pairs import HIDDEN, key, lines, member, pair, vault

from keyferry.clouds.azure.facts import Grant
from keyferry.customer_key.identifiers import parse_key_reference
from keyferry.customer_key.lines import Line, Outcome, Subject, Verdict, counts, verdict
from keyferry.customer_key.pair import Pair
from keyferry.customer_key.workloads import ONBOARDING_APPLICATION, WORKLOADS

ALL = tuple(WORKLOADS.values())
HSM = "https://{}.managedhsm.azure.net/keys/customer-key/" + pairs.VERSION


def second(**changed: Any) -> Pair:
    return pair(second=member(1, **changed))


def of_vault(**changed: Any) -> Pair:
    return second(vault=vault(1, **changed))


def both_without_subscription() -> Pair:
    hidden = {"vault": HIDDEN, "named_subscription": None}
    return pair(first=member(0, **hidden), second=member(1, **hidden))


def on_hsms() -> Pair:
    first, other = (parse_key_reference(HSM.format(name)) for name in ("contoso-hsm-a", "contoso-hsm-b"))
    return pair(first=member(0, reference=first), second=member(1, reference=other))


def in_one_vault() -> Pair:
    return second(reference=replace(member(0).reference, name="other-key"))


ONBOARDING = frozenset({ONBOARDING_APPLICATION})
SHARED = Grant(
    principal_id=pairs.CUSTODIANS[0].upper(), permissions=frozenset({"backup"}), via="Owner of keys", scope="/"
)

FAILS = [
    ("pair-subscriptions", of_vault(subscription_id=pairs.SUBSCRIPTIONS[0].upper()), "az keyvault create"),
    ("pair-tenant", of_vault(tenant_id="22222222-2222-3333-4444-555555555555"), "az keyvault create"),
    ("pair-tenant", pair(organization_id="22222222-2222-3333-4444-555555555555"), "az login --tenant 22222222"),
    ("pair-vaults", in_one_vault(), "az keyvault create"),
    ("pair-vaults", of_vault(resource_id=vault(0).resource_id.upper()), "az keyvault create"),
    ("pair-keys", second(key=key(1, public_key=key(0).public_key)), "keyferry azure push"),
    ("pair-keys", second(reference=member(0).reference), "keyferry azure push"),
    ("pair-custodians", of_vault(grants=(SHARED,)), "az role assignment delete"),
    ("pair-regions", of_vault(location="West Europe"), "az keyvault create"),
    ("pair-regions", of_vault(location="North Europe"), "--location ANOTHER-REGION"),
    ("pair-regions", pair(paired_regions=("France Central",)), "az keyvault create"),
    ("pair-onboarding-application", pair(absent=ONBOARDING), f"az ad sp create --id {ONBOARDING_APPLICATION}"),
    ("pair-one-workload", (pair(), ALL), "az keyvault create"),
]
PASSES = [
    ("pair-subscriptions", pair()),
    ("pair-subscriptions", second(vault=HIDDEN)),  # the request names the subscription
    ("pair-tenant", pair()),
    ("pair-tenant", pair(organization_id=None)),
    ("pair-tenant", pair(organization_id=pairs.TENANT.upper())),
    ("pair-vaults", pair()),
    ("pair-vaults", second(vault=HIDDEN)),
    ("pair-keys", pair()),
    ("pair-custodians", pair()),
    ("pair-regions", pair()),
    ("pair-regions", pair(paired_regions=())),
    ("pair-one-workload", pair()),
    ("pair-one-workload", (on_hsms(), ALL)),
    ("pair-onboarding-application", pair()),
]
UNSEEN = [
    ("pair-subscriptions", both_without_subscription(), "--role Reader"),
    ("pair-tenant", second(vault=HIDDEN), "--role Reader"),
    ("pair-tenant", pair(first=member(0, vault=HIDDEN)), "--role Reader"),
    ("pair-keys", second(key=HIDDEN), "az keyvault key show"),
    ("pair-keys", second(key=key(1, public_key=None)), "az keyvault key show"),
    ("pair-custodians", second(vault=HIDDEN), "--role Reader"),
    ("pair-custodians", of_vault(grants=None), "az role assignment list"),
    ("pair-custodians", pair(first=member(0, vault=vault(0, grants=None))), "az role assignment list"),
    ("pair-regions", second(vault=HIDDEN), "--role Reader"),
    ("pair-regions", pair(paired_regions=HIDDEN), "az account list-locations"),
    ("pair-onboarding-application", pair(principals={}), f"az ad sp show --id {ONBOARDING_APPLICATION}"),
]


def about_pair(id_: str, facts: Any) -> Line:
    found = lines(facts[0], workloads=facts[1]) if isinstance(facts, tuple) else lines(facts)
    return pairs.line(id_, Subject.PAIR, found)


@pytest.mark.parametrize(("id_", "facts", "remedy"), FAILS)
def test_what_is_wrong_fails_with_a_command_that_sets_it_right(id_: str, facts: Any, remedy: str) -> None:
    line = about_pair(id_, facts)
    assert line.outcome is Outcome.FAILS
    assert line.remedy is not None
    assert remedy in line.remedy


@pytest.mark.parametrize(("id_", "facts"), PASSES)
def test_what_is_right_passes(id_: str, facts: Any) -> None:
    line = about_pair(id_, facts)
    assert (line.outcome, line.remedy) == (Outcome.PASSES, None)


@pytest.mark.parametrize(("id_", "facts", "remedy"), UNSEEN)
def test_what_cannot_be_seen_is_told_apart(id_: str, facts: Any, remedy: str) -> None:
    line = about_pair(id_, facts)
    assert line.outcome is Outcome.UNSEEN
    assert line.remedy is not None
    assert remedy in line.remedy


def test_every_rule_about_the_pair_was_shown() -> None:
    ids = {each.id for each in lines() if each.subject is Subject.PAIR}
    shown = {outcome: {row[0] for row in table} for outcome, table in (("F", FAILS), ("P", PASSES), ("U", UNSEEN))}
    assert shown["F"] | shown["P"] | shown["U"] == ids
    assert shown["P"] == shown["F"] == ids
    # Which keys and vaults were named is always seen.
    assert ids - shown["U"] == {"pair-vaults", "pair-one-workload"}


def test_of_a_custodian_of_both_vaults_access_policies_what_makes_one_is_taken_away_at_the_second() -> None:
    both = frozenset({"get", "list", "wrapKey", "import", "backup", "delete"})
    shared = Grant(principal_id=pairs.CUSTODIANS[0], permissions=both, via="access policy", scope="")
    remedy = about_pair("pair-custodians", of_vault(rbac=False, grants=(shared,))).remedy
    assert remedy == (
        f"az keyvault set-policy --name {pairs.VAULTS[1]} --subscription {pairs.SUBSCRIPTIONS[1]} "
        f"--object-id {pairs.CUSTODIANS[0]} --key-permissions get list wrapKey"
    )


def test_one_key_named_twice_is_not_a_pair() -> None:
    assert verdict(lines(pair(second=member(0)))) is Verdict.NOT_READY


def test_lines_are_counted_by_outcome() -> None:
    found = lines(second(vault=HIDDEN))
    totals = counts(found)
    assert sum(totals.values()) == len(found)
    assert totals[Outcome.FAILS] == 0
    assert totals[Outcome.UNSEEN] == sum(each.outcome is Outcome.UNSEEN for each in found) > 5


def test_a_line_is_named_by_its_rule_and_subject() -> None:
    names = [(each.id, each.subject) for each in lines(workloads=ALL)]
    assert len(set(names)) == len(names)
