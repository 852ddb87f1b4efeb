"""An issuer of tokens, made with another implementation than the one that checks them."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from keyferry import clock
from keyferry.clock import SECOND

AUDIENCE = "https://keys.example.org"
SUBJECT = "repo:example/deploy:ref:refs/heads/main"

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        found: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        found = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    found.pop("key_ops", None)
    return {**found, "kid": kid, **more}


def seconds() -> int:
    return clock.now() // SECOND


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Issuer:
    """Mints tokens; what is given replaces the usual claim, and None leaves it out."""

    url: str
    key: Any = field(default_factory=lambda: RSA_KEY)
    kid: str = "first"
    algorithm: str = "RS256"

    @property
    def key_set(self) -> dict[str, Any]:
        return {"keys": [public(RSA_KEY, "first"), public(EC_KEY, "second")]}

    def claims(self, **given: Any) -> dict[str, Any]:
        now = seconds()
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "nbf": now, "exp": now + 600}
        return {name: value for name, value in {**usual, **given}.items() if value is not None}

    def mint(
        self,
        *,
        key: Any = None,
        algorithm: str | None = None,
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        head = {"kid": self.kid, **(headers or {})}
        return jwt.encode(
            self.claims(**claims), key or self.key, algorithm or self.algorithm, headers=head, sort_headers=False
        )
