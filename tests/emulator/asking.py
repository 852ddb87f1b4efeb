"""Asking an emulator over TLS, as a client that knows nothing of it but its address and its authority."""

import json
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from keyferry.emulator.facts import Facts

VAULT = "https://vault.azure.net"
MANAGEMENT = "https://management.core.windows.net/"
API = "api-version=7.6"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.json["error"])

    def header(self, name: str) -> str | None:
        return {key.lower(): value for key, value in self.headers.items()}.get(name.lower())


class Asker:
    """A client of one emulator, which it calls `host`."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.host = "localhost"
        self.trusted = ssl.create_default_context(cafile=facts.ca_file)

    def ask(
        self,
        method: str,
        path: str,
        *,
        at: str | None = None,
        host: str | None = None,
        token: str | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask at the URL `at` (the main listener's without it), under the name `host` if that is another."""
        given = dict(headers or {})
        if host is not None:
            given["Host"] = host
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        with closing(self.connect(at)) as connection:
            connection.request(method, path, content, given)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())

    def connect(self, at: str | None = None) -> HTTPSConnection:
        port = urlsplit(at or self.facts.url).port
        return HTTPSConnection(self.host, port, context=self.trusted, timeout=30)

    def sign_in(self, form: Mapping[str, str] | None = None, *, path: str | None = None, **more: str) -> Answer:
        """Ask the token endpoint; the operator's right form, changed by `form`, where an empty value leaves out."""
        asked = {
            "grant_type": "client_credentials",
            "client_id": self.facts.client_id,
            "client_secret": self.facts.client_secret_file.read_text(),
            "scope": f"{VAULT}/.default",
            **(form or {}),
        }
        text = urlencode({name: value for name, value in asked.items() if value})
        headers = {"Content-Type": "application/x-www-form-urlencoded", **more}
        return self.ask(
            "POST", path or f"/{self.facts.tenant_id}/oauth2/v2.0/token", body=text.encode(), headers=headers
        )

    def token(self, resource: str = VAULT, **form: str) -> str:
        answer = self.sign_in({"scope": f"{resource}/.default", **form})
        assert answer.status == 200, answer.body
        return str(answer.json["access_token"])
