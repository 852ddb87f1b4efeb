"""Azure: the vaults that are known, connections, and where keys are deployed."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response

from keyferry.byok.vault_address import parse_vault_address
from keyferry.custody.connection_lookup import ConnectionDetail
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.errors import InvalidInput
from keyferry.store.records import Kek
from keyferry.web.addresses import address
from keyferry.web.deployed import anew, deployed
from keyferry.web.pages import page
from keyferry.web.visits import Visit

#: connections and key encryption keys that vaults are gathered from
_MOST: Final = 200


@dataclass(slots=True)
class KnownVault:
    """A vault that something here names."""

    address: str
    connections: list[str] = field(default_factory=list)
    keks: int = 0
    registered: int = 0
    deployments: int = 0


async def show(visit: Visit) -> Response:
    """What there is, as far as it is the person's."""
    deployments = await visit.ask(
        visit.custody.deployments.list, size=visit.page_size, after=visit.query("after"), newest_first=True
    )
    table = deployed(deployments.items, page=address("azure", after=visit.query("after")))
    if visit.wants_part:
        return anew(visit, table)
    connections = await visit.ask(visit.custody.connections.list, size=_MOST)
    keks = await visit.ask(visit.custody.keks.list, size=_MOST)
    return visit.page(
        "azure/show.html",
        can_push=visit.console.services.pushes is not None,
        connections=connections.items,
        vaults=_vaults(connections.items, keks.items, deployments.items),
        deployed=table,
        said=False,
        next=deployments.next,
    )


def _vaults(
    connections: Iterable[ConnectionDetail], keks: Iterable[Kek], deployments: Iterable[DeploymentDetail]
) -> list[KnownVault]:
    found: dict[str, KnownVault] = {}

    def vault(address: str) -> KnownVault:
        return found.setdefault(address, KnownVault(address))

    for each in connections:
        for reached in each.vaults:
            vault(reached).connections.append(each.connection.name)
    registered: dict[str, int] = defaultdict(int)
    for kek in keks:
        address = _vault_of(kek.identifier)
        vault(address).keks += 1
        registered[address] += kek.registered
    for detail in deployments:
        vault(detail.deployment.vault).deployments += 1
    for address, known in found.items():
        known.registered = registered[address]
    return sorted(found.values(), key=lambda each: each.address)


def _vault_of(identifier: str) -> str:
    address = identifier.partition("/keys/")[0]
    try:
        return parse_vault_address(address).url
    except InvalidInput:  # another host was accepted, with a warning
        return address


routes = [page("/azure", show)]
