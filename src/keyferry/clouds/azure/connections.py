"""What went wrong on the way to Azure, told apart by the exceptions of the libraries below its SDK."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

from keyferry.clouds.azure.hosts import Origin, read_origin

_MAX_LINKS: Final = 20
#: how a connection ends that was there. urllib3 calls that a proxy's failure where the connection led through one
_ENDED: Final = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, TimeoutError, HTTPException)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of failure on the way.

    Attributes:
        detail: to follow the host's name.
        before_sending: whether it is certain that the request did not leave this machine.
    """

    code: str
    detail: str
    advice: str
    before_sending: bool


_NO_NAME: Final = Trouble(
    "azure-unavailable",
    "has no address",
    "Check the vault's name; if it has a private endpoint, this machine must use the DNS that knows it.",
    before_sending=True,
)
_NO_PROXY: Final = Trouble(
    "azure-unavailable",
    "cannot be reached through the proxy",
    "Check outgoing_proxy, or HTTPS_PROXY, and that the proxy lets requests to this host through.",
    before_sending=True,
)
_NO_CONNECTION: Final = Trouble(
    "azure-unavailable",
    "cannot be reached",
    "Check the network, its firewall, and whether a proxy is needed: outgoing_proxy, or HTTPS_PROXY.",
    before_sending=True,
)
_NOT_TRUSTED: Final = Trouble(
    "azure-untrusted",
    "shows a certificate that is not trusted",
    "If a proxy of yours opens TLS, name its authority's certificate in outgoing_ca_file, or REQUESTS_CA_BUNDLE; "
    "else stop here.",
    before_sending=True,
)
_NO_TLS: Final = Trouble(
    "azure-untrusted",
    "does not speak TLS as it must",
    "See what stands between this machine and Azure: something there breaks TLS 1.2 and later.",
    before_sending=False,
)
_NO_ANSWER: Final = Trouble(
    "azure-unavailable",
    "did not answer",
    "Try again; if it stays so, check the network and https://azure.status.microsoft",
    before_sending=False,
)


def trouble_of(error: BaseException) -> Trouble:
    """What kind of failure an exception of requests or urllib3 is."""
    from requests import exceptions as outer
    from urllib3 import exceptions as inner

    proxy = (inner.ProxyError, outer.ProxyError, outer.InvalidProxyURL)
    connecting = (inner.NewConnectionError, inner.ConnectTimeoutError, outer.ConnectTimeout)
    found = tuple(_links(error))

    def is_among(*kinds: type[BaseException]) -> bool:
        return any(isinstance(each, kinds) for each in found)

    table = (
        (is_among(ssl.SSLCertVerificationError), _NOT_TRUSTED),
        (is_among(*proxy) and is_among(*connecting), _NO_PROXY),
        (is_among(inner.NameResolutionError), _NO_NAME),
        (is_among(*connecting), _NO_CONNECTION),
        (is_among(*_ENDED), _NO_ANSWER),
        (is_among(*proxy), _NO_PROXY),
        (is_among(inner.SSLError, outer.SSLError, ssl.SSLError), _NO_TLS),
    )
    return next((trouble for holds, trouble in table if holds), _NO_ANSWER)


def origin_of(error: BaseException) -> Origin | None:
    """Where the request went that failed, which may have been for a token."""
    for each in _links(error):
        url = getattr(getattr(each, "request", None), "url", None)
        if isinstance(url, str):
            return read_origin(url)
    return None


def _links(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it says caused it, outermost first; not what merely happened to be handled at the time."""
    waiting: list[Any] = [error]
    for _ in range(_MAX_LINKS):
        if not waiting:
            return
        each = waiting.pop(0)
        if isinstance(each, BaseException):
            yield each
            waiting += [getattr(each, "reason", None), getattr(each, "inner_exception", None), each.__cause__]
            waiting += each.args
