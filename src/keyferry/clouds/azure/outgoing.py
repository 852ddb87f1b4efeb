"""How requests leave this machine."""

from dataclasses import dataclass, field
from pathlib import Path

from keyferry.clouds.azure.hosts import AllowedHosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """How requests leave this machine. What is None the standard environment variables decide, as for every Azure tool.

    Attributes:
        proxy: an HTTP proxy, `http://HOST:PORT`; else what HTTPS_PROXY and NO_PROXY say.
        ca_file: PEM file of the authorities to trust instead of the usual ones; else what REQUESTS_CA_BUNDLE or
            CURL_CA_BUNDLE say.
        allowed: the hosts that requests may go to.
    """

    proxy: str | None = None
    ca_file: Path | None = None
    allowed: AllowedHosts = field(default_factory=AllowedHosts)
