"""Calling a served emulator: as an application over plain HTTP, or through Azure's own packages and the proxy."""

import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from azure.core.polling import LROPoller
from azure.identity import ClientSecretCredential

from keyferry.emulator.directory import Principal
from keyferry.emulator.server import Running

MANAGEMENT = "https://management.azure.com"
VAULT = "https://vault.azure.net"
GRAPH = "https://graph.microsoft.com"


class Application:
    """One application of the tenant, signed in by its secret over HTTP, at the emulator's local address."""

    def __init__(self, served: Running, client_id: str, secret: str) -> None:
        self.served = served
        self.client_id = client_id
        self._secret = secret
        self._http = httpx2.Client(verify=ssl.create_default_context(cafile=str(served.ca_file)), trust_env=False)
        self._tokens: dict[str, str] = {}

    @property
    def principal(self) -> Principal:
        found = self.served.emulator.directory.by_app_id(self.client_id)
        assert found is not None
        return found

    def token(self, audience: str) -> str:
        if audience not in self._tokens:
            answer = self._http.post(
                f"{self.served.url}/{self.served.tenant_id}/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": self.client_id,
                    "client_secret": self._secret,
                    "scope": f"{audience}/.default",
                },
            )
            self._tokens[audience] = answer.json()["access_token"]
        return self._tokens[audience]

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        audience: str = MANAGEMENT,
        base: str | None = None,
        version: str | None = "2026-02-01",
        **query: str,
    ) -> httpx2.Response:
        """Send one request; `query` names that begin with a dollar sign are given without it, as `filter_`."""
        named = {f"${name[:-1]}" if name.endswith("_") else name: value for name, value in query.items()}
        version_query = {} if version is None else {"api-version": version}
        return self._http.request(
            method,
            path if path.startswith("https:") else f"{base or self.served.url}{path}",
            params={**version_query, **named} or None,
            json=body,
            headers={"Authorization": f"Bearer {self.token(audience)}"},
        )

    def key(self, method: str, vault: str, path: str, body: Any = None) -> httpx2.Response:
        """Ask a vault on the data plane, at its own port."""
        found = self.served.emulator.vaults.named(vault)
        assert found is not None
        base = self.served.emulator.addresses.url_of(found, "localhost")
        return self.send(method, path, body, audience=VAULT, base=base, version="7.4")

    def close(self) -> None:
        self._http.close()


@contextmanager
def operator_of(served: Running) -> Iterator[Application]:
    """The operator, who owns both subscriptions."""
    application = Application(served, served.client_id, served.client_secret_file.read_text())
    yield application
    application.close()


@contextmanager
def stranger_of(served: Running) -> Iterator[Application]:
    """A new application that has no role anywhere."""
    principal, secret = served.emulator.directory.register(f"app-{uuid.uuid4().hex[:8]}")
    application = Application(served, principal.app_id, secret)
    yield application
    application.close()


class Sdk:
    """Azure's own packages, which know of the emulator nothing but a proxy and an authority to trust."""

    def __init__(self, served: Running) -> None:
        self.subscriptions = served.subscriptions
        self._way: dict[str, Any] = {
            "proxies": {"https": served.proxy_url},
            "connection_verify": str(served.ca_file),
        }
        self._credential = ClientSecretCredential(
            served.tenant_id, served.client_id, served.client_secret_file.read_text(), **self._way
        )
        self._clients: list[Any] = []

    def client(self, kind: Callable[..., Any], subscription: str | None = None) -> Any:
        given = (self._credential,) if subscription is None else (self._credential, subscription)
        made = kind(*given, **self._way)
        self._clients.append(made)
        return made

    def close(self) -> None:
        for each in (*self._clients, self._credential):
            each.close()


def result(poller: LROPoller[Any]) -> Any:
    """What a long-running operation ends with."""
    return poller.result(60)


def error_of(answer: httpx2.Response) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def unique(prefix: str) -> str:
    """A name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def vault_body(served: Running, **properties: Any) -> dict[str, Any]:
    """What a PUT of a vault needs, with `properties` changed; None takes one out."""
    given = {
        "tenantId": served.tenant_id,
        "sku": {"family": "A", "name": "premium"},
        "accessPolicies": [],
        **properties,
    }
    return {"location": "westeurope", "properties": {name: each for name, each in given.items() if each is not None}}


def in_one_hour() -> int:
    """Unix seconds."""
    return int(time.time()) + 3600
