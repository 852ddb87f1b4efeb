"""Reads a pair of vault keys as they are in Azure, with the sign-in of whoever runs the command.

What Azure does not show to that person becomes a fact of its own, `Unread`, and is told as such; only what makes all
looking pointless (no sign-in, a host that is not allowed, a certificate that is not trusted) ends the command.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

from keyferry.cli.customer_key_records import Asked, Records, backup_of
from keyferry.clouds.azure.directory import Untold, look_up
from keyferry.clouds.azure.facts import Subscription, VaultConfiguration
from keyferry.clouds.azure.management import AzureManagement
from keyferry.clouds.azure.session import AzureSession
from keyferry.clouds.azure.vault import AzureVault
from keyferry.customer_key.pair import Member, Pair, Unread
from keyferry.customer_key.workloads import ONBOARDING, ONBOARDING_APPLICATION, Workload, workload_named
from keyferry.errors import InvalidInput, KeyferryError
from keyferry.ids import is_id_shaped

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


def read_pair(
    session: AzureSession,
    records: Records,
    asked: tuple[Asked, Asked],
    *,
    workloads: Sequence[Workload],
    principals: Mapping[str, str],
    organization_id: str | None = None,
    named_subscriptions: tuple[str | None, str | None] = (None, None),
) -> Pair:
    """Everything that the checks judge.

    Args:
        principals: object ids that were given, by application id; the rest is looked up.
        named_subscriptions: those that the request names for the keys.

    Raises:
        KeyferryError: nothing can be looked at.
    """
    management = AzureManagement(session)
    visible = _look(management.subscriptions)
    first, second = (
        _read_member(session, management, records, each, visible, named)
        for each, named in zip(asked, named_subscriptions, strict=True)
    )
    applications = [each.application_id for each in workloads] + [ONBOARDING_APPLICATION]
    found: dict[str, str | Untold | Unread] = {
        each: principals[each] if each in principals else _look(partial(look_up, session, each))
        for each in applications
    }
    return Pair(
        first=first,
        second=second,
        principals={name: object_id for name, object_id in found.items() if isinstance(object_id, str)},
        absent=frozenset(name for name, object_id in found.items() if object_id is Untold.ABSENT),
        paired_regions=_paired_regions(management, first.vault),
        organization_id=organization_id,
    )


def subscription_of(session: AzureSession, asked: Asked) -> str:
    """The subscription that a key's vault is in.

    Raises:
        KeyferryError: it cannot be seen.
    """
    return AzureManagement(session).vault_configuration(asked.reference.vault_url).subscription_id


def read_principals(given: Sequence[str]) -> dict[str, str]:
    """`WORKLOAD=OBJECT-ID` words, as application ids and object ids; `onboarding` is the onboarding service's.

    Raises:
        InvalidInput: one is of another form.
    """
    found = {}
    for word in given:
        name, equals, object_id = word.partition("=")
        if not equals or not is_id_shaped(object_id):
            raise InvalidInput(
                "A principal is not given as WORKLOAD=OBJECT-ID.",
                field="principal",
                advice="Find the object id with: az ad sp show --id APPLICATION-ID --query id --output tsv",
            )
        application = ONBOARDING_APPLICATION if name == ONBOARDING else workload_named(name).application_id
        found[application] = object_id.lower()
    return found


def _read_member(
    session: AzureSession,
    management: AzureManagement,
    records: Records,
    asked: Asked,
    visible: tuple[Subscription, ...] | Unread,
    named_subscription: str | None,
) -> Member:
    reference = asked.reference
    vault = AzureVault(session, reference.vault_url)
    key = _look(lambda: vault.get(reference.name, reference.version))
    configuration = _look(lambda: management.vault_configuration(reference.vault_url))
    if not isinstance(key, Unread):
        reference = reference.at_version(key.version)
    deployment = asked.deployment or records.deployment_of(reference.text)
    return Member(
        reference=reference,
        key=key,
        vault=configuration,
        subscription=_subscription(visible, configuration),
        backup=deployment if isinstance(deployment, Unread) else backup_of(deployment),
        named_subscription=named_subscription,
        deployment=None if isinstance(deployment, Unread) else str(deployment["id"]),
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
