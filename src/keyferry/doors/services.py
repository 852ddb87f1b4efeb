"""What the doors need of the rest of the house; the composition root puts it together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from keyferry.config.settings import Settings
from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.deployments.push import Wishes
from keyferry.doors.figures import Figures
from keyferry.doors.workers import Crew
from keyferry.identity.sign_in import Authenticator, SignIn


class Pushes(Protocol):
    """What the server does in a cloud for a caller, through a connection: `keyferry.deployments.server_push`."""

    def run(self, caller: Caller, deployment: str, wishes: Wishes = ...) -> DeploymentDetail:
        """Walk the steps of a deployment that remain, as the caller wishes.

        Raises:
            KeyferryError: what stopped it, recorded as the deployment's problem.
        """
        ...

    def observe(self, caller: Caller, deployment: str) -> DeploymentDetail:
        """Look at what is in the vault, and record it."""
        ...

    def back_up(self, caller: Caller, deployment: str) -> bytes:
        """Have the vault back the key up, record that, and answer the vault's file, which is kept nowhere."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """
    Args:
        pushes: None for a server that was built without Azure's SDK.
        ready: returns when the server can serve; raises a KeyferryError that says why it cannot.
    """

    custody: Custody
    sign_in: SignIn
    authenticator: Authenticator
    settings: Settings
    crew: Crew
    figures: Figures
    ready: Callable[[], None]
    pushes: Pushes | None = None
