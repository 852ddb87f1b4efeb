"""Reads a pair of vault keys as they are in Azure, each with a sign-in that may see it.

What Azure does not show to that sign-in becomes a fact of its own, `Unread`, and is told as such; only what makes all
looking pointless (no sign-in, a host that is not allowed, a certificate that is not trusted) ends it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from keyferry.clouds.azure.directory import Untold, look_up
from keyferry.clouds.azure.facts import Subscription, VaultConfiguration
from keyferry.clouds.azure.management import AzureManagement
from keyferry.clouds.azure.session import AzureSession
from keyferry.clouds.azure.vault import AzureVault
from keyferry.customer_key.identifiers import KeyReference
from keyferry.customer_key.pair import Backup, Member, Pair, Unread
from keyferry.customer_key.workloads import ONBOARDING_APPLICATION, Workload
from keyferry.errors import KeyferryError

T = TypeVar("T")

_NOT_SHOWN: Final = frozenset(
    {
        "azure-forbidden",
        "azure-unavailable",
        "azure-throttled",
        "azure-refused",
        "azure-key-disabled",
        "azure-answer-refused",
    }
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What Keyferry's own record says of a key in a vault: the deployment that brought it there, its newest backup."""

    deployment: str | None
    backup: Backup | Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One key of a pair: where it is, and how it is looked at.

    Attributes:
        record: what Keyferry's record says, once it is known which version is there.
        named_subscription: the one that the request names for the key.
    """

    session: AzureSession
    reference: KeyReference
    record: Callable[[KeyReference], Recorded]
    named_subscription: str | None = None


def read_pair(
    first: Side,
    second: Side,
    *,
    workloads: Sequence[Workload],
    principals: Mapping[str, str],
    organization_id: str | None = None,
) -> Pair:
    """Everything that the checks judge. What is not one key's own is looked up with the first one's sign-in.

    Args:
        principals: object ids that were given, by application id; the rest is looked up.

    Raises:
        KeyferryError: nothing can be looked at.
    """
    member, other = _read_member(first), _read_member(second)
    applications = [each.application_id for each in workloads] + [ONBOARDING_APPLICATION]
    found: dict[str, str | Untold | Unread] = {
        each: principals[each] if each in principals else _look(partial(look_up, first.session, each))
        for each in applications
    }
    return Pair(
        first=member,
        second=other,
        principals={name: object_id for name, object_id in found.items() if isinstance(object_id, str)},
        absent=frozenset(name for name, object_id in found.items() if object_id is Untold.ABSENT),
        paired_regions=_paired_regions(AzureManagement(first.session), member.vault),
        organization_id=organization_id,
    )


def subscription_of(session: AzureSession, reference: KeyReference) -> str:
    """The subscription that a key's vault is in.

    Raises:
        KeyferryError: it cannot be seen.
    """
    return AzureManagement(session).vault_configuration(reference.vault_url).subscription_id


def _read_member(side: Side) -> Member:
    reference, management = side.reference, AzureManagement(side.session)
    vault = AzureVault(side.session, reference.vault_url)
    key = _look(lambda: vault.get(reference.name, reference.version))
    configuration = _look(lambda: management.vault_configuration(reference.vault_url))
    if not isinstance(key, Unread):
        reference = reference.at_version(key.version)
    recorded = side.record(reference)
    return Member(
        reference=reference,
        key=key,
        vault=configuration,
        subscription=_subscription(_look(management.subscriptions), configuration),
        backup=recorded.backup,
        named_subscription=side.named_subscription,
        deployment=recorded.deployment,
    )


def _subscription(
    visible: tuple[Subscription, ...] | Unread, configuration: VaultConfiguration | Unread
) -> Subscription | Unread:
    if isinstance(visible, Unread):
        return visible
    if isinstance(configuration, Unread):
        return Unread("The vault cannot be seen, and so not which subscription it is in.")
    wanted = configuration.subscription_id.lower()
    found = next((each for each in visible if each.id.lower() == wanted), None)
    return found or Unread(f"Subscription {wanted} is not among those that you can see.")


def _paired_regions(management: AzureManagement, vault: VaultConfiguration | Unread) -> tuple[str, ...] | Unread:
    if isinstance(vault, Unread):
        return Unread("The vault cannot be seen, and so not which region it is in.")
    return _look(lambda: management.paired_regions(vault.subscription_id, vault.location))


def _look(read: Callable[[], T]) -> T | Unread:
    """What `read` finds, or why it does not."""
    try:
        return read()
    except KeyferryError as failed:
        if failed.code == "azure-not-found":
            return Unread(_sentence(failed.detail), absent=True)
        if failed.code in _NOT_SHOWN:
            return Unread(_sentence(failed.detail))
        raise


def _sentence(detail: str) -> str:
    text = " ".join(detail.split())
    return text if text.endswith(".") else f"{text}."
