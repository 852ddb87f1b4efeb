"""Which hosts requests may go to. A token that reaches another host is somebody else's.

An address is judged as it will be sent, and strictly: whatever two parsers might read differently (user information, a
backslash, percent-encoding, a dot after the host, letters outside ASCII or their `xn--` form, an empty port) is refused
and never repaired. Only https is taken (RFC 9110 section 4.2.2).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from keyferry.clouds.azure.environment import CLOUDS, LOGIN_ALIASES, AzureCloud
from keyferry.errors import CloudFailed, InvalidInput

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z", re.ASCII)
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}\Z", re.ASCII)
_URL: Final = re.compile(r"https://([A-Za-z0-9.:-]+)((?:[/?][!-~]*)?)\Z", re.ASCII | re.IGNORECASE)
_VAULT_PATH: Final = re.compile(r"/?\Z", re.ASCII)
_HTTPS_PORT: Final = 443

_ADVICE: Final = "An administrator can add hosts with the setting azure_hosts, such as .vault.example.net."


def _is_host(host: str) -> bool:
    return bool(_HOST.match(host)) and not any(label.startswith("xn--") for label in host.split("."))


def _is_port(port: str) -> bool:
    return bool(_PORT.match(port)) and int(port) <= 65535


@dataclass(frozen=True, slots=True)
class Origin:
    """A host in lower case, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return self.host if self.port == _HTTPS_PORT else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """`https://HOST[:PORT]`, without a slash at the end."""
        return f"https://{self}"


@dataclass(frozen=True, slots=True)
class HostPattern:
    """One host, or with a dot before it all hosts below; at one port.

    Raises:
        ValueError: `read`, when the text is no such pattern.
    """

    host: str
    below: bool
    port: int

    @classmethod
    def read(cls, text: str) -> "HostPattern":
        """`HOST`, `.SUFFIX`, either with `:PORT`; port 443 when none is given."""
        name, colon, port = text.lower().partition(":")
        below = name.startswith(".")
        host = name[1:] if below else name
        if not _is_host(host) or (below and "." not in host) or (colon and not _is_port(port)):
            raise ValueError("a host such as vault.example.net, or .example.net for all below it, and :PORT if not 443")
        return cls(host, below, int(port) if colon else _HTTPS_PORT)

    def matches(self, origin: Origin) -> bool:
        """Whether a request may go there."""
        if origin.port != self.port:
            return False
        return origin.host.endswith(f".{self.host}") if self.below else origin.host == self.host


def read_origin(url: str) -> Origin | None:
    """Where a request to `url` would go; None when it is not https, or not written plainly."""
    match = _URL.fullmatch(url)
    if match is None:
        return None
    host, colon, port = match[1].lower().partition(":")
    if not _is_host(host) or (colon and not _is_port(port)):
        return None
    return Origin(host, int(port) if colon else _HTTPS_PORT)


def hosts_of(cloud: AzureCloud) -> tuple[HostPattern, ...]:
    """Every host that `cloud` is spoken to at.

    Raises:
        InvalidInput: one of its addresses will not do; names the field.
    """
    origins = []
    for field in ("authority", "resource_manager", "graph"):
        origin = read_origin(getattr(cloud, field))
        if origin is None:
            raise InvalidInput(
                f"The cloud's {field} is no https address of a host", field=field, advice="Write https://HOST[:PORT]."
            )
        origins.append(HostPattern(origin.host, below=False, port=origin.port))
    for field in ("vault_suffix", "managed_hsm_suffix"):
        try:
            origins.append(HostPattern.read(getattr(cloud, field)))
        except ValueError as reason:
            raise InvalidInput(
                f"The cloud's {field} is no suffix of hosts", field=field, advice=f"Write {reason}."
            ) from None
    return tuple(origins)


KNOWN: Final[tuple[HostPattern, ...]] = (
    *(pattern for cloud in CLOUDS.values() for pattern in hosts_of(cloud)),
    *(HostPattern.read(host) for host in LOGIN_ALIASES),
)
"""Azure's own hosts, in all of its clouds."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Azure's own hosts, and what an administrator added.

    Attributes:
        further: hosts beside Azure's own.
    """

    further: tuple[HostPattern, ...] = ()

    @classmethod
    def adding(cls, entries: Iterable[str] = ()) -> "AllowedHosts":
        """Azure's own hosts and these: each `HOST`, or `.SUFFIX` for all hosts below it, with `:PORT` if not 443.

        Raises:
            InvalidInput: an entry will not do.
        """
        found = []
        for entry in entries:
            try:
                found.append(HostPattern.read(entry))
            except ValueError as reason:
                raise InvalidInput(
                    "An entry among the further hosts will not do", field="azure_hosts", advice=f"It must be {reason}."
                ) from None
        return cls(tuple(found))

    def with_cloud(self, cloud: AzureCloud) -> "AllowedHosts":
        """These and the hosts of a custom cloud. Only for a person's own machine: a server's hosts are settings."""
        return AllowedHosts((*self.further, *hosts_of(cloud)))

    def allows(self, origin: Origin) -> bool:
        """Whether requests may go there."""
        return any(pattern.matches(origin) for pattern in (*KNOWN, *self.further))

    def require(self, url: str, *, field: str | None = None) -> Origin:
        """Where a request to `url` goes.

        Raises:
            CloudFailed: `azure-host-refused`.
        """
        origin = read_origin(url)
        if origin is None:
            raise CloudFailed(
                "An address is not https, or is written in a way that could be read as two different hosts",
                code="azure-host-refused",
                field=field,
                advice="Use a plain address of the form https://HOST[:PORT]/…, without user information.",
            )
        if not self.allows(origin):
            raise CloudFailed(
                f"{origin} is none of Azure's hosts, and is not allowed",
                code="azure-host-refused",
                field=field,
                advice=_ADVICE,
            )
        return origin


def vault_origin(url: str, allowed: AllowedHosts, *, field: str = "vault") -> Origin:
    """The host of a vault's URL, which holds nothing but a host, as a rule under `.vault.azure.net`.

    Raises:
        InvalidInput: it is no such URL.
        CloudFailed: (`azure-host-refused`) requests may not go there.
    """
    match = _URL.fullmatch(url)
    if match is None or not _VAULT_PATH.fullmatch(match[2]):
        raise InvalidInput(
            "The vault's address is not of the form https://HOST",
            field=field,
            advice="Copy the Vault URI from the vault's overview page, such as https://contoso-kv.vault.azure.net",
        )
    return allowed.require(url, field=field)
