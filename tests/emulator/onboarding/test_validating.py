"""Validate: everything that is validated, each broken once, and nothing else changed."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from tests.emulator.calling import error_of, in_one_hour, stranger_of, unique
from tests.emulator.onboarding.pair import APPLICATIONS, PATH, SERVICE_USER, Pair, assign, contacts, failed, object_id


def test_a_pair_that_is_right_passes_every_validation(pair: Pair) -> None:
    answer = pair.send()
    assert answer.status_code == 201
    found = answer.json()
    assert found["FailedValidations"] == []
    assert found["ValidationResult"] == "Success"
    assert found["EnablementResult"] == "NotStarted"
    assert found["OnboardingMode"] == "Validate"
    assert found["Status"] == "Validated"
    names = [each["Validation"] for each in found["PassedValidations"]]
    once = ["OrganizationIsTenant", "ContactInformation", "SubscriptionsDiffer", "KeysDiffer"]
    assert names[:4] == once
    assert sorted(set(names[4:])) == sorted(
        [
            "SubscriptionExists",
            "SubscriptionEnabled",
            "SubscriptionEligible",
            "VaultFound",
            "VaultInSubscription",
            "VaultPremium",
            "VaultSoftDelete90Days",
            "VaultPurgeProtection",
            "KeyRecoveryLevel",
            "KeyFound",
            "KeyType",
            "KeySize",
            "KeyEnabled",
            "KeyExpiry",
            "KeyNotBefore",
            "KeyOperations",
            "ServicePrincipalMayGet",
            "ServicePrincipalMayWrapKey",
            "ServicePrincipalMayUnwrapKey",
        ]
    )
    assert len(names) == 4 + 2 * 19
    assert "Keyferry's emulator" in found["StandIn"]
    assert pair.shown(found["ID"]) == found


def test_the_same_without_versions_and_by_the_vaults_azure_names(pair: Pair) -> None:
    kids = [f"https://{name.upper()}.vault.azure.net/keys/root" for name in pair.names]
    assert failed(pair.send(KeyIdentifier1=kids[0], KeyIdentifier2=kids[1])) == set()


def test_an_expiry_at_the_end_of_time_is_no_expiry(pair: Pair) -> None:
    pair.change_key(attributes={"exp": 253402300799})
    assert failed(pair.send()) == set()


@pytest.mark.parametrize("scenario", ["EXO", "exo"])
def test_each_scenario_has_a_service_principal_of_its_own(pair: Pair, scenario: str) -> None:
    missing = {f"ServicePrincipalMay{word}" for word in ("Get", "WrapKey", "UnwrapKey")}
    assert failed(pair.send(Scenario=scenario)) == missing
    pair.grant("EXO")
    assert failed(pair.send(Scenario=scenario)) == set()


def test_sharepoint_wants_protected_subscriptions(pair: Pair) -> None:
    pair.grant("SPO")
    answer = pair.send(Scenario="SPO")
    assert failed(answer) == {"KeyRecoveryLevel"}
    assert "mandatoryRetentionPeriodEnabled" in answer.json()["FailedValidations"][0]["Remedy"]


# each rule, broken once


BROKEN: dict[str, tuple[set[str], Callable[[Pair], None]]] = {}


def breaks(*names: str) -> Callable[[Callable[[Pair], None]], Callable[[Pair], None]]:
    """What the decorated function does to a pair breaks the rules of these names."""

    def keep(change: Callable[[Pair], None]) -> Callable[[Pair], None]:
        BROKEN[change.__name__] = (set(names), change)
        return change

    return keep


@breaks("OrganizationIsTenant", "ContactInformation")
def _another_tenant(pair: Pair) -> None:
    pair.body["OrganizationId"] = str(uuid.uuid4())


@breaks("SubscriptionsDiffer", "VaultInSubscription")
def _one_subscription_twice(pair: Pair) -> None:
    pair.body["Subscription2"] = pair.body["Subscription1"]


@breaks("SubscriptionExists", "VaultInSubscription")
def _no_such_subscription(pair: Pair) -> None:
    pair.body["Subscription1"] = str(uuid.uuid4())


def _in_a_new_subscription(pair: Pair, workload: str) -> str:
    """A vault and key in a new subscription, in the first one's place; the subscription's scope."""
    operator = pair.operator
    alias = f"/providers/Microsoft.Subscription/aliases/{unique('alias')}"
    body = {"properties": {"displayName": "For a test", "workload": workload}}
    made = operator.send("PUT", alias, body).json()["properties"]["subscriptionId"]
    scope = f"/subscriptions/{made}"
    operator.send("POST", f"{scope}/providers/Microsoft.KeyVault/register")
    operator.send("PUT", f"{scope}/resourceGroups/rg", {"location": "westeurope"})
    assign(operator, scope, operator.principal.object_id, "14b46e9e-c2b7-41b4-b07b-48a6ebf60603")
    assign(operator, scope, object_id(operator.served, APPLICATIONS["MDEP"]), SERVICE_USER)
    pair.use_key(pair.add_vault(f"{scope}/resourceGroups/rg", enablePurgeProtection=True))
    pair.body["Subscription1"] = made
    return scope


@breaks("SubscriptionEligible")
def _a_developers_subscription(pair: Pair) -> None:
    _in_a_new_subscription(pair, "DevTest")


@breaks("SubscriptionEnabled")
def _a_cancelled_subscription(pair: Pair) -> None:
    scope = _in_a_new_subscription(pair, "Production")
    pair.operator.send("POST", f"{scope}/providers/Microsoft.Subscription/cancel")


@breaks("KeysDiffer", "VaultInSubscription")
def _one_key_twice(pair: Pair) -> None:
    pair.body["KeyIdentifier2"] = f"https://{pair.names[0]}.vault.azure.net/keys/ROOT"


@breaks("VaultFound")
def _no_such_vault(pair: Pair) -> None:
    pair.body["KeyIdentifier1"] = "https://no-such-vault.vault.azure.net/keys/root"


@breaks("VaultFound")
def _no_identifier(pair: Pair) -> None:
    pair.body["KeyIdentifier1"] = "root"


@breaks("VaultFound")
def _no_url(pair: Pair) -> None:
    pair.body["KeyIdentifier1"] = "https://[::1/keys/root"


@breaks("VaultInSubscription")
def _subscriptions_crossed(pair: Pair) -> None:
    first, second = pair.body["Subscription1"], pair.body["Subscription2"]
    pair.body |= {"Subscription1": second, "Subscription2": first}


def _other_vault(pair: Pair, **properties: Any) -> str:
    name = pair.add_vault(pair.groups[0], **properties)
    principal = object_id(pair.operator.served, APPLICATIONS["MDEP"])
    assign(pair.operator, pair.vaults[-1], principal, SERVICE_USER)
    return name


@breaks("VaultPremium")
def _a_standard_vault(pair: Pair) -> None:
    standard = _other_vault(pair, enablePurgeProtection=True, sku={"family": "A", "name": "standard"})
    pair.use_key(standard, kty="RSA")


@breaks("VaultSoftDelete90Days", "KeyRecoveryLevel")
def _a_short_retention(pair: Pair) -> None:
    pair.use_key(_other_vault(pair, enablePurgeProtection=True, softDeleteRetentionInDays=89))


@breaks("VaultPurgeProtection", "KeyRecoveryLevel")
def _no_purge_protection(pair: Pair) -> None:
    pair.use_key(_other_vault(pair))


@breaks("KeyFound")
def _no_such_key(pair: Pair) -> None:
    pair.body["KeyIdentifier1"] = f"https://{pair.names[0]}.vault.azure.net/keys/absent"


@breaks("KeyFound")
def _no_such_version(pair: Pair) -> None:
    pair.body["KeyIdentifier1"] = f"https://{pair.names[0]}.vault.azure.net/keys/root/{'0' * 32}"


@breaks("KeyFound")
def _a_deleted_key(pair: Pair) -> None:
    pair.operator.key("DELETE", pair.names[0], "/keys/root")


@breaks("KeyType", "KeySize", "KeyOperations")
def _a_key_on_a_curve(pair: Pair) -> None:
    answer = pair.operator.key("POST", pair.names[0], "/keys/curve/create", {"kty": "EC-HSM", "crv": "P-256"})
    pair.body["KeyIdentifier1"] = answer.json()["key"]["kid"]


@breaks("KeyEnabled")
def _a_disabled_key(pair: Pair) -> None:
    pair.change_key(attributes={"enabled": False})


@breaks("KeyExpiry")
def _a_key_that_expires(pair: Pair) -> None:
    pair.change_key(attributes={"exp": in_one_hour()})


@breaks("KeyExpiry")
def _a_key_that_expires_a_second_before_the_end_of_time(pair: Pair) -> None:
    pair.change_key(attributes={"exp": 253402300798})


@breaks("KeyNotBefore")
def _a_key_for_later(pair: Pair) -> None:
    pair.change_key(attributes={"nbf": in_one_hour()})


@breaks("KeyOperations")
def _a_key_that_only_wraps(pair: Pair) -> None:
    pair.change_key(key_ops=["wrapKey"])


@breaks("ServicePrincipalMayGet", "ServicePrincipalMayWrapKey", "ServicePrincipalMayUnwrapKey")
def _no_role(pair: Pair) -> None:
    assert pair.operator.send("DELETE", pair.grants[0]).status_code == 200


def _policy_vault(pair: Pair, *words: str) -> str:
    served = pair.operator.served
    policies = [
        {"tenantId": served.tenant_id, "objectId": who, "permissions": {"keys": given}}
        for who, given in (
            (pair.operator.principal.object_id, ["all"]),
            (object_id(served, APPLICATIONS["MDEP"]), list(words)),
        )
    ]
    policy = {"enableRbacAuthorization": False, "accessPolicies": policies}
    return pair.add_vault(pair.groups[0], enablePurgeProtection=True, **policy)


@breaks("ServicePrincipalMayUnwrapKey")
def _a_policy_without_unwrapping(pair: Pair) -> None:
    pair.use_key(_policy_vault(pair, "get", "wrapKey"))


@breaks("ServicePrincipalMayGet")
def _a_policy_without_reading(pair: Pair) -> None:
    pair.use_key(_policy_vault(pair, "wrapKey", "unwrapKey"))


@pytest.mark.parametrize(("names", "change"), BROKEN.values(), ids=BROKEN)
def test_each_rule_is_told_when_it_is_broken_and_no_other(
    pair: Pair, names: set[str], change: Callable[[Pair], None]
) -> None:
    change(pair)
    answer = pair.send()
    assert failed(answer) == names
    assert answer.json()["Status"] == "Refused"
    assert answer.json()["EnablementResult"] == "NotStarted"


def test_a_remedy_that_is_followed_remedies(pair: Pair) -> None:
    _no_role(pair)
    remedies = {each["Remedy"] for each in pair.send().json()["FailedValidations"]}
    (remedy,) = remedies
    principal = object_id(pair.operator.served, APPLICATIONS["MDEP"])
    assert f"--assignee-object-id {principal}" in remedy
    assert remedy.endswith(f"--scope {pair.vaults[0]}")
    assign(pair.operator, pair.vaults[0], principal, SERVICE_USER)
    assert failed(pair.send()) == set()


# contact information


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"organization": " "}, "organization"),
        ({"tenant_id": "mine"}, "tenant_id"),
        ({"tenant_id": "99999999-9999-9999-9999-999999999999"}, "tenant_id"),
        ({"tenant_domain": "contoso"}, "tenant_domain"),
        ({"primary_contact": None}, "primary_contact"),
        ({"primary_contact": {"name": "", "email": "a@b.co", "phone": "+1 555 0100"}}, "primary_contact.name"),
        ({"primary_contact": {"name": "K", "email": "kim@", "phone": "+1 555 0100"}}, "primary_contact.email"),
        ({"primary_contact": {"name": "K", "email": "a@b.co", "phone": "none"}}, "primary_contact.phone"),
        (
            {"primary_contact": {"name": "K", "email": "a@b.co", "phone": "+1 555 0100", "title": 1}},
            "primary_contact.title",
        ),
        (
            {"primary_contact": {"name": "K", "email": "a@b.co", "phone": "+1 555 0100", "fax": "1"}},
            "primary_contact.fax",
        ),
        ({"authorized_officers": []}, "authorized_officers"),
        ({"authorized_officers": "Sam"}, "authorized_officers"),
        ({"authorized_officers": ["Sam"]}, "authorized_officers[0]"),
        ({"authorised_officers": []}, "authorised_officers"),
    ],
)
def test_contact_information_that_will_not_do_is_named_by_its_field(
    pair: Pair, changed: dict[str, Any], field: str
) -> None:
    answer = pair.send(Contacts={**contacts(pair.operator.served.tenant_id), **changed})
    assert failed(answer) == {"ContactInformation"}
    assert [each["Subject"] for each in answer.json()["FailedValidations"]] == [f"Contacts.{field}"]


def test_officers_are_different_people(pair: Pair) -> None:
    given = contacts(pair.operator.served.tenant_id)
    twin = {**given["authorized_officers"][0], "email": "SAM@contoso.com"}
    answer = pair.send(Contacts={**given, "authorized_officers": [given["authorized_officers"][0], twin]})
    assert [each["Subject"] for each in answer.json()["FailedValidations"]] == ["Contacts.authorized_officers"]


def test_a_request_without_contacts_fails_its_validation(pair: Pair) -> None:
    del pair.body["Contacts"]
    assert failed(pair.send()) == {"ContactInformation"}


# what is no request


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"Scenario": "TEAMS"}, "Scenario"),
        ({"OnboardingMode": "Perhaps"}, "OnboardingMode"),
        ({"OrganizationId": None}, "OrganizationId"),
        ({"KeyIdentifier1": 5}, "KeyIdentifier1"),
        ({"KeyIdentifier2": "x" * 513}, "KeyIdentifier2"),
        ({"Subscription1": ""}, "Subscription1"),
        ({"VaultName1": "mine"}, "VaultName1"),
    ],
)
def test_what_is_no_request_is_refused_and_not_recorded(pair: Pair, members: dict[str, Any], named: str) -> None:
    before = pair.operator.send("GET", PATH, version=None).json()["value"]
    answer = pair.operator.send("POST", PATH, {**pair.body, **members}, version=None)
    status, code, message = error_of(answer)
    assert (status, code) == (400, "InvalidRequest")
    assert f"member {named} " in message
    assert "Keyferry's emulator" in answer.json()["StandIn"]
    assert pair.operator.send("GET", PATH, version=None).json()["value"] == before


def test_whoever_may_not_read_the_subscriptions_learns_nothing_of_them(pair: Pair) -> None:
    with stranger_of(pair.operator.served) as stranger:
        status, code, _ = error_of(pair.send(by=stranger))
        assert (status, code) == (403, "AuthorizationFailed")
        made = pair.send().json()["ID"]
        assert error_of(stranger.send("GET", f"{PATH}/{made}", version=None))[:2] == (404, "RequestNotFound")
        assert stranger.send("GET", PATH, version=None).json()["value"] == []
        for subscription in pair.operator.served.subscriptions:
            reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
            assign(pair.operator, f"/subscriptions/{subscription}", stranger.principal.object_id, reader)
        assert failed(pair.send(by=stranger)) == set()
        assert stranger.send("GET", f"{PATH}/{made}", version=None).status_code == 200


def test_a_token_for_the_data_plane_is_refused(pair: Pair) -> None:
    answer = pair.operator.send("POST", PATH, pair.body, audience="https://vault.azure.net", version=None)
    assert answer.status_code == 401
