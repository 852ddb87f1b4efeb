"""An Azure key identifier: `https://HOST/keys/NAME/VERSION`.

Three forms of it matter, and each has one use:

* what the person typed is judged strictly and then forgotten;
* `text` goes into the transfer file: scheme, host and version in lower case (as Azure itself writes them), the name as
  given;
* `canonical` is what a public key is bound to: all of it in lower case, because Azure takes names without regard to
  case, so that two spellings of one key cannot be bound to two public keys. No other rewriting happens: whatever could
  be a second spelling (percent-encoding, a port, a dot after the host, a slash at the end) is refused instead.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from keyferry.errors import IdentifierRefused

MAX_CHARACTERS = 512


class AzureService(StrEnum):
    """What kind of service the identifier's host belongs to."""

    VAULT = "vault"
    MANAGED_HSM = "managed-hsm"
    UNKNOWN = "unknown"


class AzureCloud(StrEnum):
    """Which of Azure's clouds the identifier's host belongs to."""

    PUBLIC = "public"
    CHINA = "china"
    US_GOVERNMENT = "us-government"
    GERMANY = "germany"
    UNKNOWN = "unknown"


SUFFIXES: dict[str, tuple[AzureService, AzureCloud]] = {
    ".vault.azure.net": (AzureService.VAULT, AzureCloud.PUBLIC),
    ".vault.azure.cn": (AzureService.VAULT, AzureCloud.CHINA),
    ".vault.usgovcloudapi.net": (AzureService.VAULT, AzureCloud.US_GOVERNMENT),
    ".vault.microsoftazure.de": (AzureService.VAULT, AzureCloud.GERMANY),  # closed in 2021; old records still name it
    ".managedhsm.azure.net": (AzureService.MANAGED_HSM, AzureCloud.PUBLIC),
    ".managedhsm.azure.cn": (AzureService.MANAGED_HSM, AzureCloud.CHINA),
    ".managedhsm.usgovcloudapi.net": (AzureService.MANAGED_HSM, AzureCloud.US_GOVERNMENT),
}
"""What follows the vault's name in a known host. Adding a cloud means adding a row."""

_NAME = re.compile(r"[0-9A-Za-z-]{1,127}\Z")
_VERSION = re.compile(r"[0-9A-Fa-f]{32}\Z")
_VAULT_NAME = re.compile(r"(?=.{3,24}\Z)[a-z](?!.*--)[a-z0-9-]*[a-z0-9]\Z")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z")
_PORT = re.compile(r"[1-9][0-9]{0,4}\Z")
_FORM = "https://<vault>.vault.azure.net/keys/<name>/<version of 32 hex digits>"
_ADVICE = f"Copy the Key Identifier from the page of the key encryption key's current version; it has the form {_FORM}."


@dataclass(frozen=True, slots=True)
class AzureKeyIdentifier:
    """A versioned key identifier, judged and normalised.

    Attributes:
        text: the identifier as it goes into the transfer file (the module says how it is normalised).
        canonical: the one spelling under which a public key is bound to it.
        host: lower case; with `:port` when an unknown host has one.
        name: the key's name as given.
        version: 32 lower-case hex digits.
        service: what the host belongs to, and `cloud` which of Azure's clouds.
        warnings: what a person should know before relying on it; sentences.
    """

    text: str
    canonical: str
    host: str
    name: str
    version: str
    service: AzureService
    cloud: AzureCloud
    warnings: tuple[str, ...] = ()

    @property
    def vault(self) -> str | None:
        """The vault's or Managed HSM's name, which `az` asks for; None for an unknown host."""
        return None if self.service is AzureService.UNKNOWN else self.host.split(".", 1)[0]


@lru_cache(maxsize=256)
def parse_key_identifier(text: str) -> AzureKeyIdentifier:
    """Read an Azure key identifier; a host that is not Azure's is taken with a warning.

    The checks, in this order: 1. length and characters, 2. scheme, 3. what an identifier never has (fragment, query,
        user
    information, percent-encoding), 4. host and port, 5. path: `keys`, name, version, and nothing after it.

    Raises:
        IdentifierRefused: with a code of its own for each reason (`identifier-…`).
    """
    _require_plain_characters(text)
    rest = _require_https(text)
    _require_bare(rest)
    authority, slash, path = rest.partition("/")
    host, service, cloud = _read_authority(authority)
    name, version = _read_path(slash + path)
    warnings = () if service is not AzureService.UNKNOWN else (_unknown_host_warning(host),)
    identifier = f"https://{host}/keys/{name}/{version}"
    return AzureKeyIdentifier(identifier, identifier.lower(), host, name, version, service, cloud, warnings)


def _require_plain_characters(text: str) -> None:
    if not text:
        raise _refused("identifier-unreadable", "The key identifier is empty")
    if len(text) > MAX_CHARACTERS:
        raise _refused(
            "identifier-too-long", f"The key identifier has {len(text)} characters; at most {MAX_CHARACTERS} are taken"
        )
    if any(not "!" <= character <= "~" or character in '\\"<>^`{|}' for character in text):
        raise _refused(
            "identifier-characters",
            "The key identifier holds a space, a control character, or a character that no address has",
            f"Leave out spaces and line ends around it; letters that only look like ASCII are refused. {_ADVICE}",
        )


def _require_https(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() != "https":
        raise _refused("identifier-not-https", "The key identifier does not begin with https://")
    return rest


def _require_bare(rest: str) -> None:
    """Refuse what may hold secrets, or is a second spelling; none of it is repeated in the error."""
    if "#" in rest:
        raise _refused("identifier-fragment", "The key identifier holds '#' and a fragment")
    if "?" in rest:
        raise _refused("identifier-query", "The key identifier holds '?' and a query")
    if "@" in rest.partition("/")[0]:
        raise _refused("identifier-user-info", "The key identifier holds user information before an '@'")
    if "%" in rest:
        raise _refused(
            "identifier-percent-encoding",
            "The key identifier holds percent-encoded characters, which no key identifier needs",
        )


def _read_authority(authority: str) -> tuple[str, AzureService, AzureCloud]:
    host, colon, port = authority.lower().partition(":")
    if not _HOST.match(host) or any(label.startswith("xn--") for label in host.split(".")):
        raise _refused(
            "identifier-host", "The key identifier's host is missing, or is not a plain DNS name or IPv4 address"
        )
    service, cloud = _known(host)
    if not colon:
        return host, service, cloud
    if service is not AzureService.UNKNOWN:
        raise _refused(
            "identifier-port",
            "The key identifier names a port, which no identifier of Azure's has",
            f"Leave the port out. {_ADVICE}",
        )
    if not _PORT.match(port) or int(port) > 65535:
        raise _refused("identifier-port", "The key identifier's port is not a number from 1 to 65535")
    return (host if port == "443" else f"{host}:{port}"), service, cloud


def _known(host: str) -> tuple[AzureService, AzureCloud]:
    for suffix, (service, cloud) in SUFFIXES.items():
        if host != suffix[1:] and not host.endswith(suffix):
            continue
        if not _VAULT_NAME.match(host.removesuffix(suffix)):
            raise _refused(
                "identifier-host",
                f"What stands before {suffix} is not a vault's name",
                "A vault's name has 3 to 24 letters, digits and single dashes; first a letter, last no dash.",
            )
        return service, cloud
    return AzureService.UNKNOWN, AzureCloud.UNKNOWN


def _read_path(path: str) -> tuple[str, str]:
    segments = path.split("/")[1:]
    if not segments or segments[0] != "keys":
        raise _refused(
            "identifier-path",
            "The key identifier's path does not begin with /keys/ (is it a secret's or certificate's?)",
        )
    name = segments[1] if len(segments) > 1 else ""
    if not _NAME.match(name):
        raise _refused(
            "identifier-name",
            "The key identifier's key name is missing, or is not 1 to 127 ASCII letters, digits and dashes",
        )
    if len(segments) < 3 or segments[2:] == [""]:
        raise _refused(
            "identifier-no-version",
            "The key identifier has no version",
            f"Open the key's current version and copy its identifier. {_ADVICE}",
        )
    if not _VERSION.match(segments[2]):
        raise _refused("identifier-version", "The key identifier's version is not 32 hex digits")
    if len(segments) > 3:
        raise _refused(
            "identifier-path",
            "Something follows the version in the key identifier, if only a slash",
            f"End it after the version. {_ADVICE}",
        )
    return name, segments[2].lower()


def _unknown_host_warning(host: str) -> str:
    return f"{host} is not a host of Azure's: whoever runs it can read the key if the public key is theirs."


def _refused(code: str, detail: str, advice: str = _ADVICE) -> IdentifierRefused:
    return IdentifierRefused(detail, code=code, field="key_identifier", advice=advice)
