"""The last thing before the wire. Loading this module loads Azure's SDK.

Redirections, pages, long-running operations, sign-ins and repeated requests all end here, so that one place judges the
address of each, as it is sent. Proxies and authorities are settled here too, and nothing else of the environment
counts: no `.netrc`, which would send a password of somebody else's.
"""

import os
import re
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import RetryPolicy
from azure.core.pipeline.transport import RequestsTransport
from requests.utils import get_environ_proxies

from keyferry.clouds.azure.hosts import HostPattern
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.errors import CloudFailed

CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 60
RETRIES: Final = 3
LONGEST_WAIT_SECONDS: Final = 20
ALL_SECONDS: Final = 180

_CA_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_AUTHORITY: Final = re.compile(r'\bauthorization(?:_uri)?\s*=\s*"?([^",\s]+)', re.IGNORECASE)


class GuardedTransport(RequestsTransport):  # type: ignore[misc]  # azure-core hands it out by name, untyped
    """Sends requests to allowed hosts only.

    Args:
        only: narrows the allowed hosts down to these; a client of a vault speaks to that vault and to nothing else.
        plain: beginnings of addresses that are taken as they are, without a proxy: where this machine's platform hands
            out the tokens of managed identities, which is no host of the network.

    Raises:
        CloudFailed: `azure-untrusted`, the file of authorities cannot be read. From `send`: `azure-host-refused`.
    """

    def __init__(
        self, outgoing: Outgoing, *, only: Sequence[HostPattern] | None = None, plain: Sequence[str] = ()
    ) -> None:
        super().__init__(connection_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS, use_env_settings=False)
        self._outgoing = outgoing
        self._only = only
        self._plain = tuple(plain)
        self._trust = _trust(outgoing)

    def send(self, request: Any, **options: Any) -> Any:
        """Judge the address, send the request, and judge where a challenge would have the token come from."""
        if self._is_plain(request.url):
            return super().send(request, **options | {"proxies": {}})
        self._require(request.url)
        options |= {"proxies": self._proxies(request.url), "connection_verify": self._trust}
        response = super().send(request, **options)
        if response.status_code == 401:
            self._require_authority(response.headers.get("WWW-Authenticate", ""))
        return response

    def sleep(self, duration: float) -> None:
        """Wait before a request is repeated; never for long, whatever the service asked for."""
        super().sleep(min(duration, LONGEST_WAIT_SECONDS))

    def _is_plain(self, url: str) -> bool:
        return any(url == base or url.startswith((f"{base}/", f"{base}?")) for base in self._plain)

    def _require(self, url: str) -> None:
        origin = self._outgoing.allowed.require(url)
        if self._only is None or any(pattern.matches(origin) for pattern in self._only):
            return
        raise CloudFailed(
            f"A request was led to {origin}, which is not the host that it was for; nothing was sent there",
            code="azure-host-refused",
            advice="Check the address that was given. If Azure itself led there, report it.",
        )

    def _require_authority(self, challenge: str) -> None:
        for match in _AUTHORITY.finditer(challenge):
            self._outgoing.allowed.require(match[1])

    def _proxies(self, url: str) -> dict[str, str]:
        if self._outgoing.proxy is not None:
            return {"https": self._outgoing.proxy}
        return get_environ_proxies(url)


class BoundedRetries(RetryPolicy[Any, Any]):
    """The SDK's own repeating of requests, a few times, and not where the service asks for a long wait."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"retry_total": RETRIES, "retry_backoff_max": LONGEST_WAIT_SECONDS, "timeout": ALL_SECONDS} | options
        )

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """Whether to send it again: not if nothing is left to try, and not if the wait is too long to sit out."""
        if settings["total"] < 1:
            return False
        wait = self.get_retry_after(response)
        return (wait is None or wait <= LONGEST_WAIT_SECONDS) and bool(super().is_retry(settings, response))


def _trust(outgoing: Outgoing) -> str | bool:
    """The file of authorities: the one given, else the one that the environment names, else the usual ones."""
    variable = next((name for name in _CA_VARIABLES if os.environ.get(name)), None)
    if outgoing.ca_file is None and variable is None:
        return True
    path = outgoing.ca_file or Path(os.environ[variable or ""])
    folder = path.is_dir()
    try:
        ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
    except (OSError, ValueError):
        raise CloudFailed(
            f"{path} holds no certificates of authorities that can be read",
            code="azure-untrusted",
            field="outgoing_ca_file" if outgoing.ca_file else variable,
            advice="Give a PEM file with the certificates of the authorities to trust for Azure.",
        ) from None
    return str(path)
