"""Who calls: the bearer token of a request (RFC 6750), and the 401 with its challenge when there is none that will do.

The data plane's texts are those that the service was recorded or reported with; the others' are documented. Key Vault
clients first call without a token, and learn from the challenge where to get one and for what.
"""

from collections.abc import Mapping
from typing import Final

from keyferry.emulator.directory import Principal
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.sign_in.audiences import VAULTS, Audience
from keyferry.emulator.sign_in.tokens import TokenExpired, TokenRefused, Tokens, WrongAudience, WrongIssuer

VAULT_RESOURCE: Final = "https://vault.azure.net"


def caller_of_vault(tokens: Tokens, headers: Mapping[str, str], authority: str) -> Principal:
    """Who calls a vault.

    Args:
        authority: the sign-in's URL with the tenant, which the challenge advertises.

    Raises:
        AzureFailure: 401 Unauthorized with the challenge.
    """

    def refuse(message: str) -> AzureFailure:
        challenge = f'Bearer authorization="{authority}", resource="{VAULT_RESOURCE}"'
        return AzureFailure(401, "Unauthorized", message, headers={"WWW-Authenticate": challenge})

    token = _token(headers)
    if token is None:
        raise refuse("AKV10000: Request is missing a Bearer or PoP token.")
    try:
        return tokens.verify(token, VAULTS)
    except WrongAudience as error:
        detail = f"AKV10022: Invalid audience. Expected {VAULT_RESOURCE}, found: {_shown(error.found)}."
    except WrongIssuer as error:
        detail = f"AKV10032: Invalid issuer. Expected one of {tokens.issuer}, found {_shown(error.found)}."
    except TokenExpired:
        detail = "[TokenExpired] Error validating token: the token's lifetime is over, or has not begun."
    except TokenRefused:
        detail = "[BearerReadAccessTokenFailed] Error validating token: it was not signed by this tenant's authority."
    raise refuse(detail)


def caller_of_management(tokens: Tokens, headers: Mapping[str, str], authority: str, audience: Audience) -> Principal:
    """Who calls the management plane, or Microsoft Graph with its `audience`.

    Raises:
        AzureFailure: 401, with the code that Azure Resource Manager gives each cause.
    """

    def refuse(code: str, message: str) -> AzureFailure:
        challenge = f'Bearer authorization_uri="{authority}", error="invalid_token", error_description="{message}"'
        return AzureFailure(401, code, message, headers={"WWW-Authenticate": challenge})

    token = _token(headers)
    if token is None:
        raise refuse("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
    try:
        return tokens.verify(token, audience)
    except WrongAudience as error:
        code = "InvalidAuthenticationTokenAudience"
        detail = (
            f"The access token has been obtained for wrong audience or resource '{_shown(error.found)}'. It should "
            f"exactly match one of the allowed audiences {', '.join(sorted(audience.names))}."
        )
    except WrongIssuer as error:
        code = "InvalidAuthenticationTokenTenant"
        detail = f"The access token is from the wrong issuer '{_shown(error.found)}'. It must match '{tokens.issuer}'."
    except TokenExpired:
        code = "ExpiredAuthenticationToken"
        detail = "The access token expiry is over, or its time has not come. Please get a new one."
    except TokenRefused:
        code, detail = "InvalidAuthenticationToken", "The access token is invalid."
    raise refuse(code, detail)


def _token(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _shown(claim: str) -> str:
    """A claim of a signed token as it may stand in a header and in JSON."""
    return "".join(character for character in claim[:200] if character.isprintable() and character not in '"\\')
