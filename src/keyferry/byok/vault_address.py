"""A vault's address, `https://HOST`: of an Azure Key Vault, of a Managed HSM, or of a host that is not Azure's.

It is judged as the beginning of a key identifier, so that the address of a vault and the identifiers of the keys in it
have one spelling: all in lower case, without a slash at the end.
"""

from dataclasses import dataclass
from typing import Final

from keyferry.byok.identifier import AzureCloud, AzureKeyIdentifier, AzureService, parse_key_identifier
from keyferry.errors import IdentifierRefused, InvalidInput

_ANY_KEY: Final = f"/keys/key/{0:032x}"

#: why an identifier that begins with the address is refused, said of the address
_WORDS: Final = {
    "identifier-too-long": "is too long",
    "identifier-characters": "holds a space, a control character, or a character that no address has",
    "identifier-not-https": "does not begin with https://",
    "identifier-fragment": "holds '#' and a fragment",
    "identifier-query": "holds '?' and a query",
    "identifier-user-info": "holds user information before an '@'",
    "identifier-percent-encoding": "holds percent-encoded characters",
    "identifier-host": "has no host, or one that is no plain DNS name, IPv4 address or vault of Azure's",
    "identifier-port": "names a port that no vault has there",
}


@dataclass(frozen=True, slots=True)
class VaultAddress:
    """A vault's address, judged and in its one spelling.

    Attributes:
        url: `https://HOST`, lower case; with `:PORT` when an unknown host has one.
        service, cloud: what the host belongs to.
    """

    url: str
    host: str
    service: AzureService
    cloud: AzureCloud

    def identifier(self) -> AzureKeyIdentifier:
        """The identifier that some key there could have, for judging what the place takes."""
        return parse_key_identifier(self.url + _ANY_KEY)


def parse_vault_address(text: str, *, field: str = "vault") -> VaultAddress:
    """Read a vault's address; one slash at its end is taken away.

    Raises:
        InvalidInput: (`vault-refused`) it is none; names `field`.
    """
    address = text if text.endswith("//") else text.removesuffix("/")
    if not address:
        raise _refused("is empty", field)
    try:
        parsed = parse_key_identifier(address + _ANY_KEY)
    except IdentifierRefused as refused:
        raise _refused(_WORDS.get(refused.code, "has a path"), field) from None
    return VaultAddress(f"https://{parsed.host}", parsed.host, parsed.service, parsed.cloud)


def _refused(why: str, field: str) -> InvalidInput:
    return InvalidInput(
        f"The vault's address {why}.",
        code="vault-refused",
        field=field,
        advice="Give the Vault URI from its overview page: https://NAME.vault.azure.net, or of a Managed HSM "
        "https://NAME.managedhsm.azure.net.",
    )
