"""Access tokens: JSON Web Tokens (RFC 7519) signed with RS256 (RFC 7518 section 3.3), in Entra ID's form, version 1.

Every token is issued and verified by the same key, which is kept sealed and whose public half is published.
"""

import uuid
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from keyferry.emulator.clock import now
from keyferry.emulator.directory import Directory, Principal
from keyferry.emulator.sign_in.audiences import Audience
from keyferry.emulator.state import State

LIFETIME: Final = 3600
#: a client's clock, and a token's first second
LEEWAY: Final = 300
ALGORITHM: Final = "RS256"
BITS: Final = 2048


class TokenRefused(Exception):
    """A token that does not verify. The message says why, and holds nothing of the token."""


class TokenMalformed(TokenRefused):
    """It is no token of this authority's: unreadable, or signed with another key or algorithm."""


class TokenExpired(TokenRefused):
    """Its time is over, or has not come."""


class WrongIssuer(TokenRefused):
    """It was issued for another tenant. `found` is the issuer that it names."""

    def __init__(self, found: str) -> None:
        super().__init__("The token is another issuer's.")
        self.found = found


class WrongAudience(TokenRefused):
    """It is for another service. `found` is the audience that it names."""

    def __init__(self, found: str) -> None:
        super().__init__("The token is for another service.")
        self.found = found


class Tokens:
    """Issues and verifies the tokens of one tenant."""

    def __init__(self, state: State, directory: Directory) -> None:
        self._directory = directory
        key = RSAKey.import_key(state.kept("token-signing-key", _new_key))
        self._thumbprint = key.thumbprint()
        self._key = key
        self.issuer = f"https://sts.windows.net/{directory.tenant_id}/"

    def issue(self, principal: Principal, audience: str) -> str:
        """A token of one hour for `principal`, to be presented to the service that `audience` names."""
        moment = now()
        claims = {
            "aud": audience,
            "iss": self.issuer,
            "iat": moment,
            "nbf": moment,
            "exp": moment + LIFETIME,
            "appid": principal.app_id,
            "azp": principal.app_id,
            "appidacr": "1",
            "idp": self.issuer,
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": self._directory.tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        header = {"alg": ALGORITHM, "kid": self._thumbprint, "x5t": self._thumbprint}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def verify(self, token: str, audience: Audience) -> Principal:
        """Whom a token stands for.

        In this order, it must be:

        1. signed by this authority's key with RS256, whatever algorithm its header names;
        2. of this tenant's issuer;
        3. for `audience`;
        4. within its time;
        5. a principal's that this tenant has.

        Raises:
            TokenMalformed, WrongIssuer, WrongAudience, TokenExpired: the first of these that does not hold.
        """
        claims = self._signed(token)
        if claims.get("iss") != self.issuer:
            raise WrongIssuer(str(claims.get("iss")))
        found = claims.get("aud")
        if not isinstance(found, str) or found not in audience:
            raise WrongAudience(str(found))
        _require_current(claims)
        principal = self._directory.by_object_id(str(claims.get("oid")))
        if principal is None:
            raise TokenMalformed("The token stands for nobody in this tenant.")
        return principal

    def published(self) -> dict[str, Any]:
        """The public half as a JSON Web Key Set (RFC 7517 section 5)."""
        public = {"use": "sig", "kid": self._thumbprint, "x5t": self._thumbprint, "issuer": self.issuer}
        return {"keys": [{**self._key.as_dict(private=False), **public}]}

    def _signed(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise TokenMalformed("The token is not one that this authority has signed.") from error


def _require_current(claims: dict[str, Any]) -> None:
    begins, ends = claims.get("nbf"), claims.get("exp")
    if not isinstance(begins, int) or not isinstance(ends, int) or not begins - LEEWAY <= now() < ends:
        raise TokenExpired("The token's time is over, or has not come.")


def _new_key() -> bytes:
    key = rsa.generate_private_key(65537, BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
