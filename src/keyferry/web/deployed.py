"""Deployments in a table that follows the pushes which are going on."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.web.addresses import address
from keyferry.web.deployment_words import Shown, shown
from keyferry.web.pushing import is_running
from keyferry.web.visits import Visit

#: pushes that are told to a screen reader in one go
_MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Deployed:
    """What the table shows.

    Attributes:
        page: the address of the page that it is on.
        follows: the address that answers the table anew.
        of_key: whether all are of one key, whose page it is.
    """

    items: Sequence[Shown]
    page: str
    follows: str
    of_key: bool

    @property
    def running(self) -> bool:
        """Whether some push is going on."""
        return any(each.running for each in self.items)

    @property
    def mark(self) -> str:
        """Tells two states of the table apart."""
        told = "|".join(f"{each.detail.deployment.id}.{each.mark}" for each in self.items)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def follow(self) -> str:
        """The address that answers the table anew once it has changed."""
        return f"{self.follows}{'&' if '?' in self.follows else '?'}seen={self.mark}"

    @property
    def words(self) -> str:
        """What a screen reader is told of a change: the pushes that go on, else the newest ones."""
        going_on = [each for each in self.items if each.running] or self.items
        return "; ".join(each.words for each in going_on[:_MOST_TOLD])


def deployed(
    details: Iterable[DeploymentDetail], *, page: str, follows: str | None = None, of_key: bool = False
) -> Deployed:
    """
    Args:
        follows: None for the page itself.
    """
    items = [shown(detail, running=is_running(detail.deployment.id)) for detail in details]
    return Deployed(items, page, follows or page, of_key)


def of_key(details: Iterable[DeploymentDetail], key_id: str) -> Deployed:
    """The deployments of a key, as its page shows them."""
    return deployed(details, page=address("keys", key_id), follows=address("keys", key_id, "deployments"), of_key=True)


def anew(visit: Visit, found: Deployed) -> Response:
    """The table for a script that follows it; nothing (204) while it is as the script has seen it."""
    if visit.query("seen") == found.mark:
        return Response(status_code=204)
    return visit.part("azure/deployed.html", deployed=found, said=True)
