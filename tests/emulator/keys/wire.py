"""The real SDK, unmodified, led to the emulator by the proxy alone; and bare HTTP for what the SDK hides."""

import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.credentials import TokenCredential
from azure.identity import EnvironmentCredential
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.emulator.keys.transfer import Kek

from keyferry.emulator.management.vault_settings import parse
from keyferry.emulator.server import Running


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the body read as JSON (None where it is empty), the headers."""

    status: int
    body: Any
    headers: http.client.HTTPMessage

    @property
    def error(self) -> tuple[int, str, str | None, str]:
        """Status, code, inner code and message of a refusal."""
        error = self.body["error"]
        return self.status, error["code"], error.get("innererror", {}).get("code"), error["message"]


@dataclass(frozen=True, slots=True)
class Wire:
    """A person with the operator's sign-in and the variables of the proxy."""

    emulator: Running
    credential: TokenCredential

    def client(self, vault: str | None = None) -> KeyClient:
        """The SDK's client with its defaults, at the vault's name in Azure; the first vault unless named."""
        name = vault or self.emulator.vaults[0].name
        return KeyClient(f"https://{name}.vault.azure.net", self.credential)

    def cryptography(self, key: Any) -> CryptographyClient:
        """The SDK's client for using a key, given the key's identifier."""
        return CryptographyClient(key, self.credential)

    def make_vault(self, name: str, **properties: Any) -> str:
        """A further vault in the first subscription."""
        first, emulator = self.emulator.vaults[0], self.emulator.emulator
        body = {
            "location": "westeurope",
            "properties": {
                "tenantId": self.emulator.tenant_id,
                "sku": {"name": "premium", "family": "A"},
                **properties,
            },
        }
        if emulator.vaults.named(name) is None:
            emulator.vaults.create(first.subscription, first.resource_group, name, parse(body))
        return name

    def url(self, vault: str) -> str:
        """The vault's own listener on loopback."""
        found = self.emulator.emulator.vaults.named(vault)
        assert found is not None
        return self.emulator.emulator.addresses.url_of(found, "localhost")

    def ask(self, method: str, path: str, body: object = None, *, vault: str | None = None) -> Answer:
        """One request straight to a vault's own listener."""
        at = urlsplit(self.url(vault or self.emulator.vaults[0].name))
        trust = ssl.create_default_context(cafile=str(self.emulator.ca_file))
        connection = http.client.HTTPSConnection(at.hostname or "", at.port, context=trust)
        token = self.credential.get_token("https://vault.azure.net/.default").token
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        mark = "&" if "?" in path else "?"
        connection.request(method, f"{path}{mark}api-version=7.4", content, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return Answer(answer.status, json.loads(content) if content else None, answer.headers)


@contextmanager
def signed_in(emulator: Running) -> Iterator[Wire]:
    """The variables of the proxy are set, as `keyferry emulator env` prints them, and the SDK knows of nothing else."""
    from azure.keyvault.keys._shared import http_challenge_cache

    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment("proxy").items():
            patch.setenv(name, value)
        # The SDK remembers each host's tenant for the life of the process; another emulator has another.
        http_challenge_cache.clear()
        credential = EnvironmentCredential()
        yield Wire(emulator, credential)
        credential.close()


def kek_of(key: Any) -> Kek:
    """A KEK that the SDK showed, as whoever wraps under it knows it."""
    return Kek(key.id, rsa_public(key))


def rsa_public(key: Any) -> rsa.RSAPublicKey:
    """The public half of an RSA key that the SDK showed."""
    return rsa.RSAPublicNumbers(int.from_bytes(key.key.e, "big"), int.from_bytes(key.key.n, "big")).public_key()


def ec_public(key: Any, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
    """The public half of a curve key that the SDK showed."""
    x, y = int.from_bytes(key.key.x, "big"), int.from_bytes(key.key.y, "big")
    return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
