"""A pair of keys with which everything is right, and what is to be changed in it."""

from dataclasses import replace
from typing import Any

from keyferry.clouds.azure.facts import Grant, Subscription, VaultConfiguration, VaultKey
from keyferry.customer_key.checks import check
from keyferry.customer_key.identifiers import parse_key_reference
from keyferry.customer_key.lines import Line, Subject
from keyferry.customer_key.pair import Backup, Member, Pair, Unread
from keyferry.customer_key.workloads import ONBOARDING_APPLICATION, WORKLOADS, Workload

NOW = 1_900_000_000
TENANT = "11111111-2222-3333-4444-555555555555"
SUBSCRIPTIONS = ("aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002")
VAULTS = ("contoso-ck-a1", "contoso-ck-b1")
LOCATIONS = ("westeurope", "francecentral")
VERSION = "f2c1e1a79714a757c3486f2be238a005"
PRINCIPALS = {
    each.application_id: f"{number:08}-0000-4000-8000-00000000abcd" for number, each in enumerate(WORKLOADS.values())
}
ONBOARDING_OBJECT = "99999999-0000-4000-8000-00000000abcd"
CUSTODIANS = ("cccccccc-0000-4000-8000-000000000001", "dddddddd-0000-4000-8000-000000000002")
HIDDEN = Unread("Azure does not permit you to see it.")
MULTI_WORKLOAD = (WORKLOADS["multi-workload"],)


def vault(number: int, **changed: Any) -> VaultConfiguration:
    name, subscription = VAULTS[number], SUBSCRIPTIONS[number]
    resource = f"/subscriptions/{subscription}/resourceGroups/keys/providers/Microsoft.KeyVault/vaults/{name}"
    facts = VaultConfiguration(
        resource_id=resource,
        subscription_id=subscription,
        resource_group="keys",
        name=name,
        url=f"https://{name}.vault.azure.net",
        location=LOCATIONS[number],
        tenant_id=TENANT,
        sku="premium",
        soft_delete=True,
        retention_days=90,
        purge_protection=True,
        rbac=True,
        public_network_access="Enabled",
        grants=(
            *(using(each, resource) for each in WORKLOADS.values()),
            Grant(
                principal_id=CUSTODIANS[number],
                permissions=frozenset({"get", "list", "create", "import", "backup", "restore"}),
                via="Contoso key custodian",
                scope=resource,
            ),
        ),
    )
    return replace(facts, **changed)


def using(workload: Workload, scope: str, *more: str) -> Grant:
    """What a workload's service principal needs, and `more`."""
    return Grant(
        principal_id=PRINCIPALS[workload.application_id],
        permissions=frozenset({"get", "list", "wrapKey", "unwrapKey", *more}),
        via="Key Vault Crypto Service Encryption User",
        scope=scope,
    )


def key(number: int, **changed: Any) -> VaultKey:
    facts = VaultKey(
        identifier=f"https://{VAULTS[number]}.vault.azure.net/keys/customer-key/{VERSION}",
        vault=f"https://{VAULTS[number]}.vault.azure.net",
        name="customer-key",
        version=VERSION,
        kty="RSA-HSM",
        bits=2048,
        public_key=f"public key {number}".encode(),
        operations=("wrapKey", "unwrapKey"),
        recovery_level="Recoverable",
        recoverable_days=90,
        created=NOW - 5000,
        updated=NOW - 5000,
    )
    return replace(facts, **changed)


def member(number: int, **changed: Any) -> Member:
    facts = Member(
        reference=parse_key_reference(key(number).identifier),
        key=key(number),
        vault=vault(number),
        subscription=Subscription(
            id=SUBSCRIPTIONS[number],
            name=f"keys {number}",
            state="Enabled",
            tenant_id=TENANT,
            offer="EnterpriseAgreement_2014-09-01",
        ),
        backup=Backup(taken_at=NOW - 1000, sha256="ab" * 32, size=5000),
        named_subscription=SUBSCRIPTIONS[number],
        deployment="0190a000-0000-7000-8000-000000000001",
    )
    return replace(facts, **changed)


def pair(**changed: Any) -> Pair:
    """A pair of which every line passes that can."""
    facts = Pair(
        first=member(0),
        second=member(1),
        principals={**PRINCIPALS, ONBOARDING_APPLICATION: ONBOARDING_OBJECT},
        paired_regions=("northeurope",),
        organization_id=TENANT,
    )
    return replace(facts, **changed)


def lines(
    facts: Pair | None = None, *, workloads: tuple[Workload, ...] = MULTI_WORKLOAD, legacy: bool = False
) -> tuple[Line, ...]:
    return check(facts or pair(), workloads, now=NOW, legacy=legacy)


def line(id_: str, subject: Subject, found: tuple[Line, ...]) -> Line:
    """The one line of a rule about a subject."""
    (only,) = [each for each in found if (each.id, each.subject) == (id_, subject)]
    return only


def about_first(
    id_: str, *, legacy: bool = False, workloads: tuple[Workload, ...] = MULTI_WORKLOAD, **changed: Any
) -> Line:
    """The line of a rule about key 1, after a change of that key; and nothing else changed."""
    untouched = {each.id: each for each in lines(workloads=workloads, legacy=legacy) if each.subject is Subject.SECOND}
    found = lines(pair(first=member(0, **changed)), workloads=workloads, legacy=legacy)
    assert {each.id: each for each in found if each.subject is Subject.SECOND} == untouched
    return line(id_, Subject.FIRST, found)
