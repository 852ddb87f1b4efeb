"""The identifier of a vault key, with its version or without.

Onboarding takes either form: the cmdlets' documentation shows identifiers without a version, public runbooks show them
with one. The rules are those of `keyferry.byok.identifier`; only the version may be missing here.
"""

from dataclasses import dataclass

from keyferry.byok.identifier import AzureService, parse_key_identifier
from keyferry.errors import IdentifierRefused

_ANY_VERSION = "0" * 32


@dataclass(frozen=True, slots=True)
class KeyReference:
    """Which key of which vault.

    Attributes:
        host: the vault's host, lower case; with `:port` where an unknown host has one.
        name: the key's name as given.
        version: 32 lower-case hex digits; None for whatever version is the current one.
        vault: the vault's or Managed HSM's name; None for a host that is not Azure's.
        managed_hsm: the host is a Managed HSM's.
        warnings: what a person should know before relying on it; sentences.
    """

    host: str
    name: str
    version: str | None
    vault: str | None
    managed_hsm: bool
    warnings: tuple[str, ...] = ()

    @property
    def vault_url(self) -> str:
        """The vault's address, without a slash at the end."""
        return f"https://{self.host}"

    @property
    def text(self) -> str:
        """The identifier, with its version if it has one."""
        return f"https://{self.host}/keys/{self.name}" + (f"/{self.version}" if self.version else "")

    def at_version(self, version: str) -> "KeyReference":
        """The same key, at a version."""
        return KeyReference(self.host, self.name, version, self.vault, self.managed_hsm, self.warnings)


def parse_key_reference(text: str) -> KeyReference:
    """Read `https://HOST/keys/NAME` or `https://HOST/keys/NAME/VERSION`.

    Raises:
        IdentifierRefused: with the code of the rule that it breaks (`identifier-…`).
    """
    try:
        found = parse_key_identifier(text)
        version: str | None = found.version
    except IdentifierRefused as refused:
        if refused.code != "identifier-no-version":
            raise
        found = parse_key_identifier(f"{text.removesuffix('/')}/{_ANY_VERSION}")
        version = None
    managed = found.service is AzureService.MANAGED_HSM
    return KeyReference(found.host, found.name, version, found.vault, managed, found.warnings)


def is_key_url(text: str) -> bool:
    """Whether `text` is meant as an address, and no id or name."""
    return "://" in text
