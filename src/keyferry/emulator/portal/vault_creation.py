"""Create key vault: the form, Review + create with the result of its validation, and Create.

The review validates by the rules that creating obeys; creating obeys them again, on what is there by then.
"""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management import groups, subscriptions, vault_rules, vault_settings
from keyferry.emulator.management.groups import ResourceGroups
from keyferry.emulator.management.locations import REGIONS, region
from keyferry.emulator.management.names import require_group_name, require_vault_name
from keyferry.emulator.management.subscriptions import Subscriptions
from keyferry.emulator.management.vault import FULL_RETENTION_DAYS
from keyferry.emulator.management.vault_records import TYPE
from keyferry.emulator.portal import forms
from keyferry.emulator.portal.forms import WHOLE, Refused, Submitted
from keyferry.emulator.portal.pages import show
from keyferry.emulator.portal.visit import Visit

TIERS: Final = {"standard": "Standard", "premium": "Premium"}
PROTECTIONS: Final = {"on": "Enable purge protection", "off": "Disable purge protection"}
WRITE_GROUP: Final = "Microsoft.Resources/subscriptions/resourceGroups/write"

_FIELD_OF: Final = {
    "InvalidSubscriptionId": "subscription",
    "SubscriptionNotFound": "subscription",
    "ReadOnlyDisabledSubscription": "subscription",
    "MissingSubscriptionRegistration": "subscription",
    "ResourceGroupNotFound": "group",
    "InvalidResourceGroup": "new_group",
    "InvalidResourceGroupLocation": "new_group",
    "VaultNameNotValid": "name",
    "VaultAlreadyExists": "name",
    "ConflictError": "name",
    "LocationRequired": "region",
    "LocationNotAvailableForResourceType": "region",
}
"""The field that a refusal of the management plane is about, by its code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A vault as the form describes it. `retention` is as it was typed; `new_group` is empty for an existing group."""

    subscription: str
    group: str
    new_group: str
    name: str
    region: str
    tier: str
    retention: str
    protection: str

    @classmethod
    def of(cls, submitted: Submitted) -> "Wanted":
        """What was sent."""
        return cls(**{name: submitted.text(name) for name in cls.__slots__})

    @property
    def group_name(self) -> str:
        """The resource group, new or existing."""
        return self.new_group or self.group

    @property
    def scope(self) -> str:
        """The resource id that the vault will have."""
        return f"{self.group_scope}/providers/Microsoft.KeyVault/vaults/{self.name}"

    @property
    def group_scope(self) -> str:
        """That of its group."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group_name}"

    def body(self, tenant_id: str) -> dict[str, Any]:
        """The body of the PUT that the portal stands for."""
        protection = {"enablePurgeProtection": True} if self.protection == "on" else {}
        return {
            "location": self.region,
            "properties": {
                "tenantId": tenant_id,
                "sku": {"family": "A", "name": self.tier},
                "softDeleteRetentionInDays": int(self.retention),
                "enableRbacAuthorization": True,
                **protection,
            },
        }


def begin(visit: Visit) -> Response:
    """The empty form."""
    every = Subscriptions(visit.emulator.state).all()
    first = every[0].id if every else ""
    wanted = Wanted(
        subscription=first,
        group="",
        new_group="",
        name="",
        region="westeurope",
        tier="standard",
        retention=str(FULL_RETENTION_DAYS),
        protection="off",
    )
    return _form(visit, wanted)


def go_on(visit: Visit) -> Response:
    """What the form's buttons ask for: the review, the form again, or the vault."""
    wanted, step = Wanted.of(visit.submitted), visit.submitted.text("step")
    if step == "edit":
        return _form(visit, wanted)
    try:
        _validate(visit, wanted)
        if step == "create":
            return _create(visit, wanted)
    except Refused as refused:
        return _form(visit, wanted, refused)
    subscription = Subscriptions(visit.emulator.state).require(wanted.subscription)
    return show(
        visit,
        "vault_review.html",
        wanted=wanted,
        subscription=subscription,
        tier=TIERS[wanted.tier],
        protection=PROTECTIONS[wanted.protection],
    )


def _create(visit: Visit, wanted: Wanted) -> Response:
    emulator = visit.emulator
    try:
        if wanted.new_group:
            place = region(wanted.region, groups.TYPE)
            ResourceGroups(emulator.state).put(wanted.subscription, wanted.new_group, place, {})
        vault = emulator.vaults.create(
            wanted.subscription,
            wanted.group_name,
            wanted.name,
            vault_settings.parse(wanted.body(emulator.directory.tenant_id)),
        )
    except AzureFailure as failure:
        raise Refused.because(failure, _FIELD_OF.get(failure.code, WHOLE)) from None
    return visit.done(f"The key vault {vault.name} was created.", "vaults", vault.name)


def _validate(visit: Visit, wanted: Wanted) -> None:
    """Raises Refused with every field that will not do."""
    problems = {
        "subscription": _problem_of_subscription(visit, wanted),
        "group": None,
        "new_group": None,
        "name": _problem_of_name(visit, wanted),
        "region": forms.one_of(wanted.region, REGIONS, "Choose a region."),
        "tier": forms.one_of(wanted.tier, TIERS, "Choose a pricing tier."),
        "retention": _problem_of_retention(wanted.retention),
        "protection": forms.one_of(wanted.protection, PROTECTIONS, "Choose whether purge protection is on."),
    }
    if problems["subscription"] is None:
        field, problem = _problem_of_group(visit, wanted)
        problems[field] = problem
    forms.require(problems)
    try:
        if wanted.new_group:
            visit.allow(WRITE_GROUP, wanted.group_scope)
        visit.allow(f"{TYPE}/write", wanted.scope)
    except AzureFailure as failure:
        raise Refused.because(failure, WHOLE) from None


def _problem_of_subscription(visit: Visit, wanted: Wanted) -> str | None:
    if not wanted.subscription:
        return "Choose a subscription."
    try:
        with visit.emulator.state.read() as connection:
            subscriptions.require_key_vault(connection, wanted.subscription)
    except AzureFailure as failure:
        return failure.message
    return None


def _problem_of_group(visit: Visit, wanted: Wanted) -> tuple[str, str | None]:
    """The field, and what is wrong with it; a new group that is there already, in this region, is that group."""
    if wanted.group and wanted.new_group:
        return "new_group", "Choose an existing resource group or name a new one, not both."
    if not wanted.group_name:
        return "group", "Choose a resource group, or name a new one."
    try:
        with visit.emulator.state.read() as connection:
            if not wanted.new_group:
                groups.require(connection, wanted.subscription, wanted.group)
                return "group", None
            require_group_name(wanted.new_group)
            if groups.find(connection, wanted.subscription, wanted.new_group) is None:
                return "new_group", None
    except AzureFailure as failure:
        return ("new_group" if wanted.new_group else "group"), failure.message
    return (
        "new_group",
        f"There is a resource group '{wanted.new_group}' already. Choose it above, or give another name.",
    )


def _problem_of_name(visit: Visit, wanted: Wanted) -> str | None:
    if not wanted.name:
        return "Enter a name: letters, digits and dashes, beginning with a letter."
    try:
        require_vault_name(wanted.name)
        with visit.emulator.state.read() as connection:
            vault_rules.require_free(connection, wanted.subscription.lower(), wanted.name)
    except AzureFailure as failure:
        return failure.message
    return None


def _problem_of_retention(typed: str) -> str | None:
    if typed.isascii() and typed.isdigit() and int(typed[:9]) in vault_settings.RETENTION_DAYS:
        return None
    return "Enter a whole number of days, from 7 to 90."


def _form(visit: Visit, wanted: Wanted, refused: Refused | None = None) -> Response:
    every = Subscriptions(visit.emulator.state).all()
    known = {each: ResourceGroups(visit.emulator.state).of(each.id) for each in every}
    return show(
        visit,
        "vault_creation.html",
        refused=refused,
        wanted=wanted,
        subscriptions=every,
        groups=known,
        regions=REGIONS,
        tiers=TIERS,
        protections=PROTECTIONS,
    )
