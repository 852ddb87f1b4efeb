"""One request of a person's: what handlers of pages take, and how they answer without a page."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keyferry.emulator.addresses import VAULT_SUFFIX
from keyferry.emulator.directory import Principal
from keyferry.emulator.emulator import Emulator
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys.call import Call
from keyferry.emulator.management import access
from keyferry.emulator.management.vault import Vault
from keyferry.emulator.management.vault_records import TYPE as VAULTS
from keyferry.emulator.management.vault_records import require_still_live
from keyferry.emulator.portal.forms import Submitted
from keyferry.emulator.portal.session import Session

HOME: Final = "/portal/"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that was let in. The person is the emulator's operator; `submitted` is empty but for a POST."""

    request: Request
    emulator: Emulator
    session: Session
    submitted: Submitted

    @property
    def principal(self) -> Principal:
        """Who is signed in."""
        return self.emulator.directory.operator

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def asked(self, name: str) -> str:
        """A field of the query; empty where it is not there."""
        return self.request.query_params.get(name, "")

    def allow(self, action: str, scope: str) -> None:
        """Let the person do something on the management plane. Raises AzureFailure 403 AuthorizationFailed."""
        access.require_action(self.emulator.state, self.principal, action, scope)

    def vault(self) -> Vault:
        """The live vault that the path names, which the person may see.

        Raises:
            AzureFailure: 404 VaultNotFound, 403 AuthorizationFailed.
        """
        found = self.emulator.vaults.named(self.part("vault"))
        if found is None:
            detail = (
                f"There is no vault named {self.part('vault')}. It may have been deleted: look at the deleted vaults."
            )
            raise AzureFailure(404, "VaultNotFound", detail)
        self.allow(f"{VAULTS}/read", found.resource_id)
        return found

    def call(self, vault: Vault, permission: str, key: str | None = None) -> Call:
        """How the person calls a vault's data plane, by Azure's name for it.

        Args:
            permission, key: as `access.require` takes them.

        Raises:
            AzureFailure: 403 Forbidden.
        """
        access.require(self.emulator.state, vault, self.principal, permission, key)
        return Call(
            state=self.emulator.state,
            vault=vault,
            principal=self.principal,
            base=f"https://{vault.name.lower()}{VAULT_SUFFIX}",
            is_name_of_vault=lambda host: self.emulator.addresses.is_name_of(host, vault),
            require_vault=lambda connection: require_still_live(connection, vault),
        )

    def done(self, message: str, *path: str) -> Response:
        """Lead on to another page, which shows the message in its top right corner."""
        self.session.messages.append(message)
        return RedirectResponse(path_to(*path), status_code=303)


def path_to(*parts: str) -> str:
    """The path of a page of the portal."""
    return HOME + "/".join(quote(part, safe="") for part in parts)
