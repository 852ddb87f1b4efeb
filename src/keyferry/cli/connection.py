"""Requests to the REST door, and what its refusals mean.

The server's certificate is always verified, redirects are never followed, and plain HTTP goes to this machine only.
What the environment says of proxies and certificates is not heeded: the profile alone decides where a token goes.
"""

import ipaddress
import json
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

from keyferry import __version__
from keyferry.cli.client_certificate import load_client_certificate
from keyferry.cli.profiles import DEFAULT, ENVIRONMENT, Profile
from keyferry.errors import ClientFailed, KeyferryError

BASE = "/api/v1"
CONNECT_SECONDS = 10
# A new RSA-4096 key, on a server with much to do.
ANSWER_SECONDS = 120
#: how often a request under an idempotency key is sent when its connection breaks
ATTEMPTS = 3
#: seconds before it is sent again
PAUSE = 1.0


class ServerRefused(KeyferryError):
    """What the server answered instead of what was asked for: RFC 9457 problem details, with its code and advice."""

    def __init__(self, status: int, problem: Mapping[str, Any], advice: str | None = None) -> None:
        detail = _text(problem.get("detail")) or f"The server answered with status {status}."
        super().__init__(detail, code="client-failed", field=_text(problem.get("field")), advice=advice)
        self.status = status
        self.code = _text(problem.get("code")) or self.code  # a newer server may have codes that TITLES lacks
        self.title = _text(problem.get("title")) or self.title
        self.advice = advice or _text(problem.get("advice")) or "Check what was given, then try again."


class ConnectionBroke(ClientFailed):
    """A request was sent, or most likely so, and not answered, or not to its end: it may have been done."""


class Server:
    """The REST door of a profile's server. Use it in a `with` statement.

    Raises:
        ClientFailed: `server-refused`, the profile's address will not do; `server-untrusted`, its certificates cannot
            be read.
        CannotStart: (`file-refused`) the client certificate or its key cannot be used.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        headers = {"Accept": "application/json", "User-Agent": f"keyferry/{__version__}"}
        if profile.token is not None:
            headers["Authorization"] = f"Bearer {profile.token.reveal().decode('ascii')}"
        if profile.certificate_file is not None:
            headers["X-Keyferry-Request"] = "1"  # what comes with a certificate has to show that a program sends it
        self._client = httpx2.Client(
            base_url=checked_address(profile.server) + BASE,
            headers=headers,
            verify=_trust(profile),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, **query: Any) -> Any:
        """The document at `path`; members of `query` that are None are left out."""
        return self.request("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, revision: int | None = None) -> Any:
        """What the server answers to a POST; members of `body` that are None are left out.

        Args:
            revision: refuse if the object is at another one.
        """
        return self.request("POST", path, body=body, revision=revision)

    def create(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the server answers to a POST that makes a key, a version, a user or a group.

        It goes under an idempotency key of its own, and is sent again if the connection breaks before the answer is
        there: what the first request has made is answered then, and not made again.
        """
        key, broken = str(uuid.uuid4()), 0
        while True:
            try:
                return self.request("POST", path, body=body, idempotency_key=key)
            except ClientFailed as failure:
                sent = broken > 0 or isinstance(failure, ConnectionBroke)
                broken += 1
                if not sent or failure.code != "server-unreachable" or broken == ATTEMPTS:
                    raise
                time.sleep(PAUSE)

    def patch(self, path: str, body: Mapping[str, Any], *, clear: Sequence[str] = ()) -> Any:
        """What the server answers to a PATCH; members that are None are left out, those of `clear` sent as null."""
        return self.request("PATCH", path, body=body, clear=clear)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the server answers to a PUT."""
        return self.request("PUT", path, body=body)

    def delete(self, path: str) -> Any:
        """What the server answers to a DELETE; often nothing."""
        return self.request("DELETE", path)

    def items(self, path: str, *, limit: int | None = None, **query: Any) -> list[dict[str, Any]]:
        """Everything that a list holds, in pages of the size that the server likes; at most `limit` items."""
        found: list[dict[str, Any]] = []
        for page in self._pages(path, query):
            found += page
            if limit is not None and len(found) >= limit:
                return found[:limit]
        return found

    def lines(
        self, path: str, body: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """What the server answers to the POST of a batch: a document for each line, as it comes.

        Raises:
            ServerRefused: the server refused the batch as a whole.
            ClientFailed: it could not be reached or trusted, or the answer ended before the last line.
        """
        headers = _headers(idempotency_key=idempotency_key)
        finished = False
        try:
            with self._client.stream("POST", path, json=_given(body), headers=headers) as answer:
                if not answer.is_success or answer.is_redirect:
                    answer.read()
                    self._judge(answer)
                for text in answer.iter_lines():
                    line = self._line(text)
                    finished = "totals" in line
                    yield line
        except httpx2.TimeoutException:
            raise self._cut_off("it did not answer in time") from None
        except httpx2.ConnectError as error:
            raise self._unreachable(error) from None
        except httpx2.TransportError as error:
            raise self._cut_off(_reason(error)) from None
        if not finished:
            raise self._cut_off("the answer ended early")

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        clear: Sequence[str] = (),
        revision: int | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Send a request and read its JSON answer; None when the answer is empty.

        Raises:
            ServerRefused: the server refused.
            ConnectionBroke: the connection ended before the answer was there.
            ClientFailed: it could not be reached or trusted, or answered with what is no answer of Keyferry's.
        """
        members = None if body is None else _given(body) | dict.fromkeys(clear)
        headers = _headers(revision=revision, idempotency_key=idempotency_key)
        try:
            answer = self._client.request(method, path, params=_given(query or {}), json=members, headers=headers)
        except httpx2.TimeoutException:
            raise ClientFailed(
                f"{self.profile.server} did not answer in time.",
                code="server-unreachable",
                advice="See whether the server is busy or stopped, and whether it was done, before repeating it.",
            ) from None
        except httpx2.ConnectError as error:
            raise self._unreachable(error) from None
        except httpx2.TransportError as error:
            raise self._cut_off(_reason(error)) from None
        return self._judge(answer)

    def _pages(self, path: str, query: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise self._no_answer("a list without items")
            yield page["items"]
            following = page.get("next")
            if following is None:
                return
            if following == cursor:
                raise self._no_answer("a list that does not end")
            cursor = following

    def _judge(self, answer: httpx2.Response) -> Any:
        if answer.is_redirect:
            raise ClientFailed(
                f"{self.profile.server} answered with a redirection, which is not followed.",
                code="answer-refused",
                advice="Sign in with the server's own address.",
            )
        if answer.is_success:
            return self._json(answer) if answer.content else None
        problem = self._json(answer) if answer.headers.get("content-type", "").endswith("json") else {}
        if not isinstance(problem, dict):
            raise self._no_answer(f"status {answer.status_code} and no reason")
        signed_in = self.profile.name != ENVIRONMENT
        advice = self._sign_in_advice() if problem.get("code") == "not-authenticated" and signed_in else None
        raise ServerRefused(answer.status_code, problem, advice)

    def _line(self, text: str) -> dict[str, Any]:
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            raise self._no_answer("a line that is no JSON object")
        return line

    def _cut_off(self, reason: str) -> "ConnectionBroke":
        return ConnectionBroke(
            f"The connection to {self.profile.server} broke before everything was answered: {reason}.",
            code="server-unreachable",
            advice="See whether the server runs and what was done, then run the command again.",
        )

    def _json(self, answer: httpx2.Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise self._no_answer("something other than JSON") from None

    def _no_answer(self, what: str) -> ClientFailed:
        return ClientFailed(
            f"{self.profile.server} answered with {what}.",
            code="answer-refused",
            advice="Check that this is the address of a Keyferry server, of this version or a later one.",
        )

    def _unreachable(self, error: httpx2.TransportError) -> ClientFailed:
        cause = _certificate_error(error)
        if cause is not None:
            return ClientFailed(
                f"The certificate of {self.profile.server} is not trusted: {cause.verify_message}.",
                code="server-untrusted",
                advice="Sign in with --ca-file and the server's tls/ca.pem, got from whoever runs it; else stop here.",
            )
        return ClientFailed(
            f"{self.profile.server} cannot be reached: {_reason(error)}.",
            code="server-unreachable",
            advice="Check the address, and that the server runs: keyferry serve --home DIR",
        )

    def _sign_in_advice(self) -> str:
        name = self.profile.name
        user = self.profile.user or "NAME"
        profile = "" if name == DEFAULT else f" --profile {name}"
        return (
            f"Sign in again: keyferry login --server {self.profile.server} --user {user} --password-file FILE{profile}"
        )


def checked_address(server: str) -> str:
    """`server` as SCHEME://HOST:PORT.

    Raises:
        ClientFailed: (`server-refused`) it is no such address, or plain HTTP to another machine.
    """
    form = "Give an address such as https://127.0.0.1:8420."
    try:
        parts = urlsplit(server)
        port = parts.port
    except ValueError:
        raise ClientFailed("That is no address.", code="server-refused", field="server", advice=form) from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or "@" in parts.netloc:
        detail = "The server's address is not of the form https://HOST:PORT."
        raise ClientFailed(detail, code="server-refused", field="server", advice=form)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        detail = "The server's address holds more than a host and a port."
        raise ClientFailed(detail, code="server-refused", field="server", advice=form)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ClientFailed(
            "Plain HTTP goes to this machine only.", code="server-refused", field="server", advice="Use https://."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: a loopback address, or `localhost` (RFC 6761 section 6.3)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trust(profile: Profile) -> ssl.SSLContext:
    """The authorities that the server's certificate must come from, the profile's alone if it names any; and what the
    client comes with.
    """
    try:
        context = ssl.create_default_context(cadata=profile.ca)
    except (ssl.SSLError, ValueError):
        raise ClientFailed(
            "The profile's CA certificates cannot be read.",
            code="server-untrusted",
            field="ca_file",
            advice="Give the server's tls/ca.pem, which `keyferry init` wrote.",
        ) from None
    if profile.certificate_file is not None and profile.key_file is not None:
        load_client_certificate(context, profile.certificate_file, profile.key_file)
    return context


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
        seen += 1
    return None


def _reason(error: httpx2.TransportError) -> str:
    text = str(error).strip().rstrip(".")
    return text or type(error).__name__


def _headers(*, revision: int | None = None, idempotency_key: str | None = None) -> dict[str, str]:
    headers = {} if revision is None else {"If-Match": f'"{revision}"'}  # RFC 9110 section 13.1.1
    return headers if idempotency_key is None else headers | {"Idempotency-Key": idempotency_key}


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
