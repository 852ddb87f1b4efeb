"""Where keys are: deployments as the server tells of them, and a look at each, by the server or from here."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from keyferry.cli.output import BLANK
from keyferry.cli.remote import path

own_sign_in_option = click.option(
    "--own-sign-in", is_flag=True, help="Ask with this machine's sign-in what was pushed through a connection, too."
)

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.azure_sign_in import SignIn
    from keyferry.cli.connection import Server
    from keyferry.clouds.azure.session import AzureSession
    from keyferry.clouds.azure.vault import AzureVault
    from keyferry.deployments.drift import Expected

Deployment = Mapping[str, Any]
"""A deployment, as REST answers it."""


class Looker:
    """Looks into vaults: has the server look where a deployment has a connection, else signs in from here, once.

    Use it in a `with` statement.

    Args:
        own_sign_in: sign in from here for all of them.
    """

    def __init__(self, server: "Server", azure: "SignIn", *, own_sign_in: bool = False) -> None:
        self._server = server
        self._azure = azure
        self._own_sign_in = own_sign_in
        self._opened = ExitStack()
        self._session: AzureSession | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def look(self, deployment: Deployment, beside: Sequence[Deployment]) -> Deployment:
        """The deployment after a look, which is on record.

        Args:
            beside: deployments of the same key, or of all keys.

        Raises:
            KeyferryError: nobody could look.
        """
        target = path("deployments", str(deployment["id"]), "observations")
        if self.by_server(deployment):
            found: Deployment = self._server.post(target)
            return found
        from keyferry.deployments.observing import observe

        observed, _ = observe(self.vault(deployment), self.expected(deployment, beside))
        told: Deployment = self._server.post(target, {"observed": observed})
        return told

    def by_server(self, deployment: Deployment) -> bool:
        """Whether the server is to ask the vault, and not this machine."""
        return deployment["connection"] is not None and not self._own_sign_in

    def vault(self, deployment: Deployment) -> "AzureVault":
        """The deployment's vault, with this machine's own sign-in."""
        from keyferry.clouds.azure.vault import AzureVault

        if self._session is None:
            self._session = self._opened.enter_context(self._azure.session())
        return AzureVault(self._session, str(deployment["vault"]))

    def expected(self, deployment: Deployment, beside: Sequence[Deployment]) -> "Expected":
        """What the deployment has left in the vault.

        Raises:
            Conflict: (`deployment-not-imported`) nothing yet.
        """
        from keyferry.cli.azure_ledger import held_of, planned_of
        from keyferry.deployments.ledger import Placed
        from keyferry.deployments.observing import expected_of

        placed = [
            Placed(
                version_number=int(each["version"]),
                vault=str(each["vault"]),
                name=str(each["name"]),
                identifier=each["remote_identifier"],
            )
            for each in beside
            if each["key_id"] == deployment["key_id"]
        ]
        return expected_of(held_of(self._server, deployment), planned_of(deployment), placed)


def arrived(deployment: Deployment) -> bool:
    """Whether the vault has the key, as far as is recorded."""
    return deployment["remote_identifier"] is not None


def place_of(deployment: Deployment) -> tuple[str, str]:
    """The vault and the name there, for comparing: Azure takes both without regard to case."""
    return str(deployment["vault"]).lower(), str(deployment["name"]).lower()


def where(deployment: Deployment) -> str:
    """`NAME at VAULT`."""
    return f"{deployment['name']} at {deployment['vault']}"


def key_title(deployment: Deployment) -> str:
    """The name of the key here, or what stands for it."""
    return str(deployment["key_name"] or BLANK)


def drift_of(deployment: Deployment) -> list[Mapping[str, str]]:
    """The differences that the last look found."""
    return list((deployment.get("observed") or {}).get("drift", []))
