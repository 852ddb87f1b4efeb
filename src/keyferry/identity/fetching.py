"""What is fetched from identity providers: their keys, what they tell of themselves, and tokens for a code.

One client for all of it. A request goes to a host that whoever runs the server has allowed, over https, and nowhere
else: redirections are refused and not followed, an answer has a largest size and a longest time, and nothing of the
environment but its proxies counts. Which host is allowed is settled by name: an identity provider may well have an
address of one's own network.

It is called with no transaction open, in a worker thread. httpx2 is loaded when something is first fetched.
"""

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NoReturn

from keyferry.clouds.azure.hosts import HostPattern, Origin, read_origin
from keyferry.config.settings import Settings
from keyferry.errors import ProviderFailed

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 5
#: from the first byte that is sent to the last that is read
ALL_SECONDS: Final = 10
LARGEST: Final = 1024 * 1024

#: providers that everybody may have, and that answer to the whole world
KNOWN: Final = tuple(
    HostPattern.read(host)
    for host in (
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "sts.windows.net",
        "accounts.google.com",
        "oauth2.googleapis.com",
        "www.googleapis.com",
        "token.actions.githubusercontent.com",
        "gitlab.com",
    )
)

_ADVICE: Final = (
    "Whoever runs the server can allow its host with the setting identity_hosts, such as login.example.org."
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer that was read whole.

    Attributes:
        media_type: without parameters, in lower case.
    """

    status: int
    media_type: str
    body: bytes


class Fetcher:
    """Requests to identity providers.

    Args:
        hosts: that requests may go to beside `KNOWN`, as the setting `identity_hosts` has them.
        ca_file: PEM file of the authorities that certificates must come from, in place of the system's.
        proxy: an HTTP proxy, `http://HOST:PORT`; else what HTTPS_PROXY and NO_PROXY say.
    """

    def __init__(self, hosts: tuple[str, ...] = (), ca_file: Path | None = None, proxy: str | None = None) -> None:
        self._allowed = (*KNOWN, *map(HostPattern.read, hosts))
        self._ca_file = ca_file
        self._proxy = proxy
        self._trusted: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> "Fetcher":
        """As the installation has settled it."""
        return cls(settings.identity_hosts, settings.identity_ca_file, settings.outgoing_proxy or None)

    def require(self, url: str, *, field: str | None = None) -> Origin:
        """Where a request to `url` would go.

        Raises:
            ProviderFailed: (`provider-host-refused`) it is not https, not written plainly, or its host is not allowed.
        """
        origin = read_origin(url)
        if origin is None:
            raise ProviderFailed(
                "An address is not https, or is written in a way that could be read as two different hosts.",
                code="provider-host-refused",
                field=field,
                advice="Use a plain address of the form https://HOST[:PORT]/…, without user information.",
            )
        if not any(pattern.matches(origin) for pattern in self._allowed):
            raise ProviderFailed(
                f"Requests to {origin} are not allowed.", code="provider-host-refused", field=field, advice=_ADVICE
            )
        return origin

    def get(
        self, url: str, *, accept: str = "application/json", bearer: str | None = None, largest: int = LARGEST
    ) -> Fetched:
        """What a GET of `url` answers with status 200.

        Args:
            bearer: a token of the provider's own, which it is sent back.

        Raises:
            ProviderFailed: it may not be asked, cannot be reached or trusted, or answers something else.
        """
        headers = {"Accept": accept} | ({} if bearer is None else {"Authorization": f"Bearer {bearer}"})
        answer = self._send("GET", url, headers, None, largest)
        if answer.status != 200:
            raise _refused(url, f"answered with status {answer.status}")
        return answer

    def published(self, url: str) -> bytes:
        """What a provider publishes of itself at `url`, whatever its media type.

        Raises:
            ProviderFailed: as for `get`.
        """
        return self.get(url, accept="application/samlmetadata+xml, application/json, */*;q=0.1").body

    def post(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None, largest: int = LARGEST
    ) -> Fetched:
        """What a POST of a form answers, whatever its status but a redirection.

        Raises:
            ProviderFailed: it may not be asked, or cannot be reached or trusted.
        """
        return self._send("POST", url, {"Accept": "application/json", **(headers or {})}, form, largest)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None, largest: int
    ) -> Fetched:
        import httpx2  # heavy, and of no use to a server that trusts no provider

        origin = self.require(url)
        until = monotonic() + ALL_SECONDS
        try:
            with (
                self._client() as client,
                client.stream(method, url, headers=dict(headers), data=None if form is None else dict(form)) as answer,
            ):
                if answer.is_redirect:
                    raise _refused(url, "answered with a redirection, which is not followed")
                body = _read(answer, origin, largest, until)
                media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                return Fetched(answer.status_code, media_type, body)
        except httpx2.TimeoutException:
            raise _unreachable(origin, "it did not answer in time") from None
        except httpx2.TransportError as error:
            _give_up(origin, error)

    def _client(self) -> "httpx2.Client":
        import httpx2  # (as above)

        return httpx2.Client(
            verify=self._trust(),
            proxy=self._proxy,
            trust_env=self._proxy is None,  # for HTTPS_PROXY and NO_PROXY; authorities are settled here
            follow_redirects=False,
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            headers={"User-Agent": "keyferry", "Accept-Encoding": "identity"},
        )

    def _trust(self) -> ssl.SSLContext:
        with self._lock:
            if self._trusted is None:
                try:
                    self._trusted = ssl.create_default_context(cafile=self._ca_file)
                except (OSError, ssl.SSLError):
                    raise ProviderFailed(
                        "The authorities that providers' certificates must come from cannot be read.",
                        code="provider-untrusted",
                        field="identity_ca_file",
                        advice="Check the file that the setting identity_ca_file names: PEM certificates.",
                    ) from None
            return self._trusted


def _read(answer: Any, origin: Origin, largest: int, until: float) -> bytes:
    """The body, unless it is too large, is compressed (and so could grow), or takes too long."""
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise _refused(origin.url, "answered with something compressed, which nobody had asked for")
    parts, size = [], 0
    for part in answer.iter_raw():
        size += len(part)
        if size > largest:
            raise _refused(origin.url, f"answered with more than {largest} bytes")
        if monotonic() > until:
            raise _unreachable(origin, f"it took more than {ALL_SECONDS} seconds to answer")
        parts.append(part)
    return b"".join(parts)


def _give_up(origin: Origin, error: BaseException) -> NoReturn:
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None:
            break
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise ProviderFailed(
                f"The certificate of {origin} is not trusted: {cause.verify_message}.",
                code="provider-untrusted",
                advice="If an authority of your own has issued it, name that one in the setting identity_ca_file.",
            ) from None
        cause = cause.__cause__ or cause.__context__
    raise _unreachable(origin, str(error).strip().rstrip(".") or type(error).__name__) from None


def _unreachable(origin: Origin, why: str) -> ProviderFailed:
    return ProviderFailed(
        f"{origin} cannot be reached: {why}.",
        code="provider-unreachable",
        advice="Check the address, and that this machine may speak to it; then try again.",
    )


def _refused(url: str, what: str) -> ProviderFailed:
    return ProviderFailed(
        f"{url} {what}.", code="provider-answer-refused", advice="Check the address with whoever runs the provider."
    )
