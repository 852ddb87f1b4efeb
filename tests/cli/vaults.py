"""Vaults of the emulator, reached as real ones are: by Azure's own names, with only HTTPS_PROXY leading elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.keyvault.keys import JsonWebKey, KeyClient

from keyferry.cli.azure_sign_in import SignIn
from keyferry.clouds.azure.session import AzureSession
from keyferry.emulator.faults import Fault, Kind
from keyferry.emulator.server import Running

CLOUD = SignIn("public", None, None)


@dataclass(frozen=True)
class Vault:
    """A vault as somebody in Azure sees it, who is not Keyferry."""

    emulator: Running
    name: str
    session: AzureSession

    @property
    def url(self) -> str:
        return f"https://{self.name.lower()}.vault.azure.net"

    @property
    def client(self) -> KeyClient:
        return KeyClient(self.url, self.session.credential, **self.session.options(self.url))

    def versions(self, name: str) -> list[Any]:
        return list(self.client.list_properties_of_key_versions(name))

    def show(self, identifier: str) -> Any:
        name, version = identifier.split("/")[-2:]
        return self.client.get_key(name, version)

    def change(self, identifier: str, **changes: Any) -> None:
        name, version = identifier.split("/")[-2:]
        self.client.update_key_properties(name, version, **changes)

    def another_version(self, name: str) -> str:
        """A version of the vault's own making; its identifier."""
        return str(self.client.create_rsa_key(name, size=2048, hardware_protected=True).id)

    def expire(self, identifier: str) -> None:
        self.change(identifier, expires_on=datetime.now(UTC) - timedelta(hours=1))

    def import_file(self, name: str, content: bytes) -> str:
        """Import a transfer file as a person does; the identifier."""
        jwk = JsonWebKey(kty="RSA-HSM", t=content, key_ops=None)
        return str(self.client.import_key(name, jwk, hardware_protected=True).id)

    @contextmanager
    def fault(self, kind: Kind, operation: str | None, **more: Any) -> Iterator[None]:
        """What goes wrong at this vault, on purpose."""
        self.emulator.emulator.faults.add(Fault(kind=kind, operation=operation, vault=self.name, **more))
        try:
            yield
        finally:
            self.emulator.emulator.faults.clear()
