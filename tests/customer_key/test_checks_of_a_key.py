"""Every line about one key, in each of its outcomes."""

import shlex
from dataclasses import replace
from typing import Any

import pytest
from tests.customer_key import pairs
from tests.customer_key.pairs import HIDDEN, NOW, about_first, key, lines, member, pair, vault

from keyferry.clouds.azure.facts import Grant, Subscription
from keyferry.customer_key.identifiers import parse_key_reference
from keyferry.customer_key.lines import Outcome, Subject, Verdict, Weight, verdict
from keyferry.customer_key.pair import Backup, Unread
from keyferry.customer_key.remedies import LAST_MOMENT
from keyferry.customer_key.workloads import WORKLOADS

SUBSCRIPTION = member(0).subscription
assert isinstance(SUBSCRIPTION, Subscription)


def subscription(**changed: Any) -> dict[str, Any]:
    assert isinstance(SUBSCRIPTION, Subscription)
    return {"subscription": replace(SUBSCRIPTION, **changed)}


def of_vault(**changed: Any) -> dict[str, Any]:
    return {"vault": vault(0, **changed)}


def of_key(**changed: Any) -> dict[str, Any]:
    return {"key": key(0, **changed)}


def granting(*grants: Grant) -> dict[str, Any]:
    return of_vault(grants=grants)


M365 = WORKLOADS["multi-workload"]
SCOPE = vault(0).resource_id
ENOUGH = pairs.using(M365, SCOPE)
TOO_MUCH = pairs.using(M365, SCOPE, "decrypt")
OTHERS = pairs.using(WORKLOADS["exchange"], SCOPE)
DESTROYER = Grant(
    principal_id="eeeeeeee-0000-4000-8000-000000000009",
    permissions=frozenset({"delete", "purge"}),
    via="Key Vault Crypto Officer",
    scope=SCOPE,
)

FAILS = [
    ("subscription-enabled", subscription(state="Disabled"), "Disabled", "Microsoft.Subscription/enable"),
    ("subscription-offer", subscription(offer="FreeTrial_2014-09-01"), "a free trial", "az keyvault create"),
    ("subscription-offer", subscription(offer="MSDN_2014-09-01"), "an MSDN subscription", "az keyvault create"),
    ("subscription-offer", subscription(offer="Sponsored_2016-01-01"), "a sponsorship", "az keyvault create"),
    ("vault-in-subscription", {"named_subscription": pairs.SUBSCRIPTIONS[1]}, "which the request names", "az resource"),
    ("vault-tier", of_vault(sku="standard"), "a standard vault", "--sku premium"),
    ("vault-soft-delete", of_vault(soft_delete=False), "gone at once", "az keyvault update"),
    ("vault-retention", of_vault(retention_days=89), "89 days", "--retention-days 90"),
    ("vault-retention", of_vault(retention_days=7), "7 days", "--retention-days 90"),
    ("vault-purge-protection", of_vault(purge_protection=False), "can be purged", "--enable-purge-protection true"),
    ("vault-network", of_vault(public_network_access="Disabled"), "is Disabled", "--bypass AzureServices"),
    ("key-there", {"key": Unread("There is no such key.", absent=True)}, "There is no such key", "keyferry azure push"),
    ("key-type", of_key(kty="EC-HSM", bits=256, curve="P-256"), "EC-HSM", "keyferry azure push"),
    ("key-in-hsm", of_key(kty="RSA"), "protected by software", "keyferry azure push"),
    ("key-size", of_key(bits=1024), "1024 bits", "keyferry azure push"),
    ("key-enabled", of_key(enabled=False), "disabled", "--enabled true"),
    ("key-not-before", of_key(not_before=NOW + 1), "cannot be used before", "--not-before 2030-03-17T17:46:40Z"),
    ("key-expiry", of_key(expires=LAST_MOMENT - 1), "9999-12-31T23:59:58Z", "--expires 9999-12-31T23:59:59Z"),
    ("key-expiry", of_key(expires=NOW + 1), "expires at 2030", "--expires 9999-12-31T23:59:59Z"),
    ("key-operations", of_key(operations=("wrapKey",)), "Missing: unwrapKey", "--ops wrapKey unwrapKey"),
    ("key-operations", of_key(operations=()), "Missing: wrapKey, unwrapKey", "--ops wrapKey unwrapKey"),
    ("key-only-wrapping", of_key(operations=("wrapKey", "unwrapKey", "sign")), "also sign", "--ops wrapKey unwrapKey"),
    ("key-recovery-level", of_key(recovery_level="Recoverable+Purgeable"), "Purgeable", "--enable-purge-protection"),
    ("key-recovery-level", of_key(recovery_level="CustomizedRecoverable"), "CustomizedRec", "az keyvault create"),
    ("permissions-multi-workload", granting(OTHERS), "no grant of its own for: get, wrapKey, unwrapKey", "az role"),
    ("permissions-multi-workload", granting(DESTROYER), "Nobody at all has", "az role assignment create"),
    ("permissions-multi-workload", granting(), "Nobody at all has", "az role assignment create"),
    ("permissions-multi-workload-no-more", granting(TOO_MUCH), "may also: decrypt", "az role assignment delete"),
    ("vault-no-deletion", granting(ENOUGH, DESTROYER), "Key Vault Crypto Officer", "az role assignment delete"),
    ("backup-taken", {"backup": Unread("None is recorded.", absent=True)}, "None is recorded", "keyferry azure backup"),
    ("backup-taken", of_key(updated=NOW), "but the key was changed", "keyferry azure backup"),
]

PASSES = [
    ("subscription-enabled", {}, "is enabled"),
    ("subscription-offer", {}, "an Enterprise Agreement"),
    ("subscription-offer", subscription(offer="PayAsYouGo_2014-09-01"), "pay as you go"),
    ("vault-in-subscription", {}, pairs.SUBSCRIPTIONS[0]),
    ("vault-in-subscription", {"named_subscription": pairs.SUBSCRIPTIONS[0].upper()}, pairs.SUBSCRIPTIONS[0]),
    ("vault-in-subscription", {"named_subscription": None}, "no other was named"),
    ("vault-tier", {}, "Premium vault"),
    ("vault-tier", of_vault(sku="managed-hsm"), "Managed HSM"),
    ("vault-soft-delete", {}, "is on"),
    ("vault-retention", {}, "90 days"),
    ("vault-purge-protection", {}, "is on"),
    ("vault-network", {}, "enabled"),
    ("key-there", {}, "was read"),
    ("key-type", {}, "RSA-HSM"),
    ("key-type", of_key(kty="RSA"), "RSA"),
    ("key-in-hsm", {}, "RSA-HSM"),
    ("key-size", of_key(bits=3072), "3072"),
    ("key-size", of_key(bits=4096), "4096"),
    ("key-enabled", {}, "enabled"),
    ("key-not-before", {}, "no date"),
    ("key-not-before", of_key(not_before=NOW), "since 2030-03-17T17:46:40Z"),
    ("key-expiry", {}, "does not expire"),
    ("key-expiry", of_key(expires=LAST_MOMENT), "counts as never"),
    ("key-operations", of_key(operations=("sign", "unwrapKey", "wrapKey")), "sign"),
    ("key-only-wrapping", {}, "nothing else"),
    ("key-recovery-level", {}, "Recoverable"),
    ("key-recovery-level", of_key(recovery_level="Recoverable+ProtectedSubscription"), "ProtectedSubscription"),
    ("permissions-multi-workload", {}, "M365DataAtRestEncryption"),
    ("permissions-multi-workload-no-more", {}, "nothing beyond"),
    ("vault-no-deletion", {}, "Nobody has"),
    ("backup-taken", {}, "Keyferry recorded a vault backup"),
    ("backup-taken", of_key(updated=NOW - 1000 + 300), "Keyferry recorded a vault backup"),
]

UNSEEN = [
    ("subscription-enabled", {"subscription": HIDDEN}, "az rest"),
    ("subscription-offer", {"subscription": HIDDEN}, "az rest"),
    ("subscription-offer", subscription(offer=None), "az rest"),
    ("subscription-offer", subscription(offer="Internal_2014-09-01"), "az rest"),
    ("vault-in-subscription", {"vault": HIDDEN}, "--role Reader"),
    ("vault-tier", {"vault": HIDDEN}, "--role Reader"),
    ("vault-soft-delete", {"vault": HIDDEN}, "--role Reader"),
    ("vault-retention", {"vault": HIDDEN}, "--role Reader"),
    ("vault-retention", of_vault(retention_days=None), "--role Reader"),
    ("vault-purge-protection", {"vault": HIDDEN}, "--role Reader"),
    ("vault-network", {"vault": HIDDEN}, "--role Reader"),
    ("vault-network", of_vault(public_network_access=None), "az resource show"),
    ("key-there", {"key": HIDDEN}, "az keyvault key show"),
    ("key-type", {"key": HIDDEN}, "az keyvault key show"),
    ("key-in-hsm", {"key": HIDDEN}, "az keyvault key show"),
    ("key-size", {"key": HIDDEN}, "az keyvault key show"),
    ("key-size", of_key(bits=None), "az keyvault key show"),
    ("key-enabled", {"key": HIDDEN}, "az keyvault key show"),
    ("key-not-before", {"key": HIDDEN}, "az keyvault key show"),
    ("key-expiry", {"key": HIDDEN}, "az keyvault key show"),
    ("key-operations", {"key": HIDDEN}, "az keyvault key show"),
    ("key-only-wrapping", {"key": HIDDEN}, "az keyvault key show"),
    ("key-recovery-level", {"key": HIDDEN}, "az keyvault key show"),
    ("key-recovery-level", of_key(recovery_level=None), "az keyvault key show"),
    ("permissions-multi-workload", {"vault": HIDDEN}, "--role Reader"),
    ("permissions-multi-workload", of_vault(grants=None), "az role assignment list"),
    ("permissions-multi-workload-no-more", {"vault": HIDDEN}, "--role Reader"),
    ("permissions-multi-workload-no-more", of_vault(grants=None), "az role assignment list"),
    ("vault-no-deletion", {"vault": HIDDEN}, "--role Reader"),
    ("vault-no-deletion", of_vault(grants=None), "az role assignment list"),
    ("backup-taken", {"backup": Unread("No server was asked.")}, "keyferry azure backup"),
    ("backup-taken", {"backup": Unread("No server was asked."), "deployment": None}, "az keyvault key backup"),
]


def test_of_a_pair_that_is_right_every_required_line_passes() -> None:
    found = lines()
    assert verdict(found) is Verdict.READY
    assert [each for each in found if each.outcome is Outcome.FAILS] == []
    assert {each.outcome for each in found} == {Outcome.PASSES}


@pytest.mark.parametrize(("id_", "changed", "found", "remedy"), FAILS)
def test_what_is_wrong_fails_with_a_command_that_sets_it_right(
    id_: str, changed: dict[str, Any], found: str, remedy: str
) -> None:
    line = about_first(id_, **changed)
    assert line.outcome is Outcome.FAILS
    assert found in line.found
    assert line.remedy is not None
    assert remedy in line.remedy
    assert shlex.split(line.remedy)[0] in {"az", "keyferry", "pwsh"}


@pytest.mark.parametrize(("id_", "changed", "found"), PASSES)
def test_what_is_right_passes_and_says_what_was_found(id_: str, changed: dict[str, Any], found: str) -> None:
    line = about_first(id_, **changed)
    assert (line.outcome, line.remedy) == (Outcome.PASSES, None)
    assert found in line.found


@pytest.mark.parametrize(("id_", "changed", "remedy"), UNSEEN)
def test_what_cannot_be_seen_is_no_pass_and_says_how_to_see_it(id_: str, changed: dict[str, Any], remedy: str) -> None:
    line = about_first(id_, **changed)
    assert line.outcome is Outcome.UNSEEN
    assert line.found.endswith(".")
    assert line.remedy is not None
    assert remedy in line.remedy


def test_every_rule_about_a_key_was_shown_in_each_of_its_outcomes() -> None:
    ids = {each.id for each in lines() if each.subject is Subject.FIRST}
    assert {id_ for id_, *_ in FAILS} == ids
    assert {id_ for id_, *_ in PASSES} == ids
    # Without a management plane nothing is known of the first key's place but what the request says.
    assert {id_ for id_, *_ in UNSEEN} == ids


@pytest.mark.parametrize(("id_", "changed"), [(id_, changed) for id_, changed, *_ in FAILS])
def test_only_a_required_line_that_fails_makes_the_pair_not_ready(id_: str, changed: dict[str, Any]) -> None:
    found = lines(pair(first=member(0, **changed)))
    weight = next(each.weight for each in found if each.id == id_)
    failed = {each.id for each in found if each.outcome is Outcome.FAILS and each.weight is Weight.REQUIRED}
    assert (verdict(found) is Verdict.NOT_READY) == bool(failed)
    assert (id_ in failed) == (weight is Weight.REQUIRED)


@pytest.mark.parametrize("hidden", ["key", "vault", "subscription", "backup"])
def test_a_pair_of_which_something_required_is_hidden_is_not_called_ready(hidden: str) -> None:
    assert verdict(lines(pair(second=member(1, **{hidden: HIDDEN})))) is Verdict.UNSEEN


def test_no_lines_at_all_are_no_pass() -> None:
    assert verdict(()) is Verdict.UNSEEN


class TestMandatoryRetention:
    def test_the_fasttrack_offer_wants_a_protected_subscription(self) -> None:
        line = about_first("key-recovery-level", legacy=True)
        assert line.outcome is Outcome.FAILS
        assert line.remedy is not None
        assert "-FeatureName mandatoryRetentionPeriodEnabled -ProviderNamespace Microsoft.Resources" in line.remedy
        assert shlex.split(line.remedy)[:2] == ["pwsh", "-Command"]

    def test_and_is_content_with_one(self) -> None:
        changed = of_key(recovery_level="Recoverable+ProtectedSubscription")
        assert about_first("key-recovery-level", legacy=True, **changed).outcome is Outcome.PASSES

    def test_sharepoint_wants_it_to_this_day(self) -> None:
        line = about_first("key-recovery-level", workloads=(WORKLOADS["sharepoint"],))
        assert line.outcome is Outcome.FAILS


class TestPermissions:
    def test_without_an_object_id_it_cannot_be_told_whose_the_grants_are(self) -> None:
        found = lines(pair(principals={}))
        for id_ in ("permissions-multi-workload", "permissions-multi-workload-no-more"):
            line = pairs.line(id_, Subject.FIRST, found)
            assert line.outcome is Outcome.UNSEEN
            assert line.remedy == f"az ad sp show --id {M365.application_id} --query id --output tsv"

    def test_permissions_may_come_from_several_grants_in_any_spelling(self) -> None:
        object_id = pairs.PRINCIPALS[M365.application_id]
        grants = [
            Grant(principal_id=object_id.upper(), permissions=frozenset({word}), via="access policy", scope=SCOPE)
            for word in ("Get", "WRAPKEY", "unwrapkey")
        ]
        assert about_first("permissions-multi-workload", **granting(*grants)).outcome is Outcome.PASSES

    def test_a_vault_with_access_policies_gets_a_command_for_those(self) -> None:
        line = about_first("permissions-multi-workload", **of_vault(rbac=False, grants=(OTHERS,)))
        object_id = pairs.PRINCIPALS[M365.application_id]
        assert line.remedy == (
            f"az keyvault set-policy --name {pairs.VAULTS[0]} --subscription {pairs.SUBSCRIPTIONS[0]} "
            f"--object-id {object_id} --key-permissions get wrapKey unwrapKey"
        )

    def test_a_managed_hsm_gets_a_command_for_its_local_roles(self) -> None:
        reference = parse_key_reference(f"https://contoso-hsm.managedhsm.azure.net/keys/customer-key/{pairs.VERSION}")
        changed = of_vault(sku="managed-hsm", name="contoso-hsm", grants=(OTHERS,))
        line = about_first("permissions-multi-workload", reference=reference, **changed)
        assert line.remedy is not None
        assert "--hsm-name contoso-hsm --role 'Managed HSM Crypto Service Encryption User'" in line.remedy
        assert line.remedy.endswith("--scope /keys/customer-key")

    def test_each_chosen_workload_has_its_own_lines(self) -> None:
        found = lines(workloads=tuple(WORKLOADS.values()))
        ids = {each.id for each in found if each.id.startswith("permissions-")}
        assert ids == {f"permissions-{name}{more}" for name in WORKLOADS for more in ("", "-no-more")}

    def test_taking_an_access_policys_deletion_away_keeps_the_rest(self) -> None:
        held = frozenset({"get", "list", "Delete", "update", "purge"})
        keeper = Grant(principal_id=DESTROYER.principal_id, permissions=held, via="access policy", scope=SCOPE)
        line = about_first("vault-no-deletion", **of_vault(rbac=False, grants=(ENOUGH, keeper)))
        assert line.remedy is not None
        assert line.remedy.endswith(f"--object-id {keeper.principal_id} --key-permissions get list update")

    def test_an_access_policy_that_allows_nothing_else_goes_as_a_whole(self) -> None:
        line = about_first("vault-no-deletion", **of_vault(rbac=False, grants=(ENOUGH, DESTROYER)))
        assert line.remedy is not None
        assert line.remedy.startswith(f"az keyvault delete-policy --name {pairs.VAULTS[0]} ")

    def test_taking_a_workloads_further_rights_away_keeps_what_it_needs(self) -> None:
        line = about_first("permissions-multi-workload-no-more", **of_vault(rbac=False, grants=(TOO_MUCH,)))
        assert line.remedy is not None
        assert line.remedy.endswith("--key-permissions get list unwrapKey wrapKey")

    def test_an_application_that_the_tenant_does_not_have_is_to_be_registered_first(self) -> None:
        facts = pair(absent=frozenset({M365.application_id}), principals={})
        line = pairs.line("permissions-multi-workload", Subject.FIRST, lines(facts))
        assert line.outcome is Outcome.FAILS
        assert line.remedy == f"az ad sp create --id {M365.application_id}"
        more = pairs.line("permissions-multi-workload-no-more", Subject.FIRST, lines(facts))
        assert (more.outcome, more.remedy) == (Outcome.PASSES, None)


def test_a_backup_may_be_as_old_as_the_key_when_clocks_differ_a_little() -> None:
    backup = Backup(taken_at=NOW - 5000 - 299, sha256="ab" * 32, size=1)
    assert about_first("backup-taken", backup=backup).outcome is Outcome.PASSES
    backup = Backup(taken_at=NOW - 5000 - 301, sha256="ab" * 32, size=1)
    assert about_first("backup-taken", backup=backup).outcome is Outcome.FAILS


def test_a_date_beyond_the_calendar_is_still_told() -> None:
    assert "s after 1970" in about_first("key-expiry", **of_key(expires=10**18)).found


def test_a_name_that_a_shell_would_act_on_is_quoted_in_remedies() -> None:
    line = about_first("vault-purge-protection", **of_vault(name="x; rm -rf ~", purge_protection=False))
    assert line.remedy is not None
    assert "x; rm -rf ~" in shlex.split(line.remedy)


def test_lines_tell_themselves_as_json() -> None:
    document = about_first("vault-tier", **of_vault(sku="standard")).document()
    assert document["outcome"] == "fails"
    assert document["weight"] == "required"
    assert document["subject"] == "key 1"
    assert set(document) == {"id", "subject", "weight", "outcome", "wanted", "found", "remedy", "source"}
