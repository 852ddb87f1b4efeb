"""Who we are to a provider: what its token endpoint asks of a client (OpenID Connect Core 1.0 section 9).

What a credential is follows from what it holds: PEM of a private key signs an assertion (RFC 7523), other text is a
client secret, and without one we are a public client, whose codes PKCE alone guards.
"""

import base64
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote_plus

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from keyferry import clock
from keyferry.clock import SECOND
from keyferry.errors import InvalidInput
from keyferry.ids import new_id
from keyferry.material.secret import Secret

LONGEST: Final = 16 * 1024
LONGEST_SECRET: Final = 1024
ASSERTION_SECONDS: Final = 60


class Authentication(StrEnum):
    """How we show the token endpoint who we are."""

    SECRET = "client-secret"  # noqa: S105  # the word, not one
    PRIVATE_KEY = "private-key-jwt"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Shown:
    """What proves to the token endpoint who we are: members of the form, and a header."""

    form: dict[str, str]
    headers: dict[str, str]


def judge(given: Secret | None) -> tuple[Authentication, dict[str, Any] | None]:
    """How a credential is used; of a private key, the public one, to be registered at the provider.

    Raises:
        InvalidInput: (`credential-refused`) it will not do.
    """
    if given is None:
        return Authentication.NONE, None
    data = given.reveal()
    if not 0 < len(data) <= LONGEST:
        raise _refused("is empty or too long")
    if data.lstrip().startswith(b"-----BEGIN"):
        return Authentication.PRIVATE_KEY, _public(_private(data))
    if len(data) > LONGEST_SECRET or not all(0x21 <= byte <= 0x7E for byte in data):
        raise _refused(f"has more than {LONGEST_SECRET} characters, or one that is no printable ASCII")
    return Authentication.SECRET, None


def prove(authentication: str, credential: Secret | None, client_id: str, audience: str, *, in_form: bool) -> Shown:
    """
    Args:
        audience: the token endpoint's address, which an assertion is for.
        in_form: a secret is sent in the form, not in a header.
    """
    if authentication == Authentication.NONE or credential is None:
        return Shown({"client_id": client_id}, {})
    if authentication == Authentication.PRIVATE_KEY:
        return Shown({"client_id": client_id, **_assertion(credential, client_id, audience)}, {})
    secret = credential.reveal().decode()
    if in_form:
        return Shown({"client_id": client_id, "client_secret": secret}, {})
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"  # RFC 6749 section 2.3.1
    return Shown({}, {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()})


def _assertion(credential: Secret, client_id: str, audience: str) -> dict[str, str]:
    from joserfc import jws  # heavy, and of no use to a server without such a provider
    from joserfc.jwk import ECKey, RSAKey  # (as above)

    private = _private(credential.reveal())
    algorithm = "RS256" if isinstance(private, rsa.RSAPrivateKey) else "ES256"
    now = clock.now() // SECOND
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": new_id(),
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
    }
    header = {"alg": algorithm, "typ": "JWT", "kid": _public(private)["kid"]}
    kind = RSAKey if isinstance(private, rsa.RSAPrivateKey) else ECKey
    key: Any = kind.import_key(credential.reveal())
    signed = jws.serialize_compact(header, json.dumps(claims).encode(), key, algorithms=[algorithm])
    return {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": signed,
    }


def _private(data: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _refused("holds no private key that can be read") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise _refused("is a key of a type or size that is not taken")


def _public(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    from joserfc.jwk import ECKey, RSAKey  # (as above)

    kind: Any = RSAKey if isinstance(private, rsa.RSAPrivateKey) else ECKey
    key = kind.import_key(private.public_key())
    algorithm = "RS256" if isinstance(private, rsa.RSAPrivateKey) else "ES256"
    return {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": algorithm}


def _refused(why: str) -> InvalidInput:
    return InvalidInput(
        f"The credential {why}.",
        code="credential-refused",
        field="credential",
        advice="Give the client secret as the provider shows it, or PEM of a private key, RSA of 2048 bits or P-256.",
    )
