"""Where copies of a key are: what follows from its exports and its deployments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.exports import ExportDetail
from keyferry.custody.pages import Page
from keyferry.web.visits import Visit

#: of each, the newest that are looked at
MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A host that files were wrapped for, and the versions of the key that were in them."""

    host: str
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Copies:
    """What has left. That a file was imported is known of deployments alone.

    Attributes:
        exports: the newest ones, the last one first; `more` if there are others.
        deployments: the newest ones, the last one first; `older_deployments` if there are others.
    """

    exports: Sequence[ExportDetail]
    more: bool
    deployments: Sequence[DeploymentDetail]
    older_deployments: bool

    @property
    def places(self) -> list[Place]:
        """The hosts, in the order of their names."""
        found: dict[str, set[int]] = {}
        for each in self.exports:
            found.setdefault(host_of(each.export.key_identifier), set()).add(each.export.version_number)
        return [Place(host, tuple(sorted(versions))) for host, versions in sorted(found.items())]

    @property
    def arrived(self) -> list[DeploymentDetail]:
        """The deployments whose key is in the vault, as far as anybody knows."""
        return [each for each in self.deployments if each.deployment.remote_identifier]

    def of_version(self, number: int | None) -> "Copies":
        """Those of one version; all for None."""
        if number is None:
            return self
        exports = [each for each in self.exports if each.export.version_number == number]
        deployments = [each for each in self.deployments if each.version.number == number]
        return Copies(exports, self.more, deployments, self.older_deployments)


async def copies_of(visit: Visit, key_id: str) -> Copies:
    """What has left of a key."""
    custody = visit.custody
    exports = await visit.ask(custody.exports.newest, size=MOST, key=key_id)
    deployments = await _deployments(visit, key_id)
    return Copies(exports.items, exports.next is not None, deployments.items, deployments.next is not None)


async def deployments_of(visit: Visit, key_id: str) -> Sequence[DeploymentDetail]:
    """The newest deployments of a key, the last one first."""
    return (await _deployments(visit, key_id)).items


async def _deployments(visit: Visit, key_id: str) -> Page[DeploymentDetail]:
    return await visit.ask(visit.custody.deployments.list, size=MOST, key=key_id, newest_first=True)


def host_of(identifier: str) -> str:
    """The host of a key identifier, with its port if it has one."""
    return urlsplit(identifier).netloc
