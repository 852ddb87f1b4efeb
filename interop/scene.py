"""What a test of one way into the emulator works with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.az import Az
from interop.ways import Vault, Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Kek:
    """A key encryption key in a vault: its name and identifier there, and its public key as `az` downloaded it."""

    name: str
    kid: str
    public: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`az`, signed in by one way, and the emulator's first vault as that way reaches it.

    Args:
        facts: what `keyferry emulator env --way --json` says.
    """

    way: Way
    az: Az
    vault: Vault
    facts: Mapping[str, Any]

    def vault_of(self, created: Mapping[str, Any]) -> Vault:
        """A further vault, from what `az keyvault create` or `show` answered.

        By its name where the proxy leads to every vault, and else by its own URL: a registered cloud knows the main
        listener's port alone.
        """
        name, url = created["name"], created["properties"]["vaultUri"].rstrip("/")
        argument = name if self.way is Way.PROXY else None
        return Vault(argument=argument, url=url, name=name, group=created["resourceGroup"])

    def make_kek(self, name: str, directory: Path) -> Kek:
        """A KEK as Microsoft's page on BYOK makes one with `az`, and its public key."""
        key = self.vault.key(name)
        made = self.az("keyvault", "key", "create", *key, "--kty", "RSA-HSM", "--size", "3072", "--ops", "import")
        public = directory / f"{name}.pem"
        self.az("keyvault", "key", "download", *key, "--file", public)
        return Kek(name=name, kid=made["key"]["kid"], public=public)
