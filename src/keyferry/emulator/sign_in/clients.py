"""Which application signs in: client_credentials (RFC 6749 section 4.4), with its secret or its certificate.

A secret comes in the body or in HTTP Basic (RFC 6749 section 2.3.1); a certificate signs an assertion (RFC 7523).
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from keyferry.emulator.clock import now
from keyferry.emulator.directory import Directory, Principal
from keyferry.emulator.sign_in.refusals import Refusal, SignInRefused
from keyferry.emulator.sign_in.tokens import LEEWAY

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS: Final = ("RS256", "PS256")


def signed_in(
    directory: Directory, form: Mapping[str, str], authorization: str | None, endpoint: tuple[str, ...]
) -> Principal:
    """The application that proves who it is.

    Args:
        form: the body's parameters.
        authorization: the request's Authorization header.
        endpoint: the URLs of this token endpoint, one of which an assertion must be for.

    Raises:
        SignInRefused: it is unknown, or gives no secret or certificate that is its own.
    """
    client_id, secret = _basic(authorization) or (form.get("client_id"), form.get("client_secret"))
    if not client_id:
        raise SignInRefused(Refusal.MISSING_PARAMETER, "client_id")
    principal = directory.by_app_id(client_id)
    if principal is None:
        raise SignInRefused(Refusal.UNKNOWN_APPLICATION, client_id, directory.tenant_id)
    if secret:
        if not directory.is_secret(principal, secret):
            raise SignInRefused(Refusal.WRONG_SECRET, principal.app_id)
    elif form.get("client_assertion") and form.get("client_assertion_type") == ASSERTION_TYPE:
        _require_assertion(directory, principal, form["client_assertion"], endpoint)
    else:
        raise SignInRefused(Refusal.NO_CREDENTIAL)
    return principal


def _basic(authorization: str | None) -> tuple[str, str] | None:
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (unquote_plus(name), unquote_plus(secret)) if colon else None


def _require_assertion(directory: Directory, principal: Principal, text: str, endpoint: tuple[str, ...]) -> None:
    """RFC 7523 section 3: signed by the application, issued by and about it, for this endpoint, current."""
    certificate = directory.certificate(principal)
    try:
        key = None if certificate is None else x509.load_der_x509_certificate(certificate).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise SignInRefused(Refusal.WRONG_ASSERTION, principal.app_id)
        claims = jwt.decode(text, RSAKey.import_key(key), algorithms=ASSERTION_ALGORITHMS).claims
    except (JoseError, ValueError):
        raise SignInRefused(Refusal.WRONG_ASSERTION, principal.app_id) from None
    if not _is_about(claims, principal, endpoint):
        raise SignInRefused(Refusal.ASSERTION_CLAIMS, principal.app_id)


def _is_about(claims: Mapping[str, Any], principal: Principal, endpoint: tuple[str, ...]) -> bool:
    begins, ends = claims.get("nbf", 0), claims.get("exp")
    return (
        claims.get("iss") == claims.get("sub") == principal.app_id
        and claims.get("aud") in endpoint
        and isinstance(begins, int | float)  # RFC 7519 section 2, NumericDate: fractions are allowed, and sent
        and isinstance(ends, int | float)
        and begins - LEEWAY <= now() < ends
    )
