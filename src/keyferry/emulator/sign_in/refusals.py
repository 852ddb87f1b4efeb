"""How the sign-in refuses: OAuth 2.0's error response (RFC 6749 section 5.2) with Entra ID's code and wording."""

import uuid
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from keyferry.emulator.clock import now


class Refusal(Enum):
    """Every cause there is: Entra ID's number for it, the HTTP status, OAuth's error, and the sentence.

    Sentences name what was given, never a secret.
    """

    MISSING_PARAMETER = (
        900144,
        400,
        "invalid_request",
        "The request body must contain the following parameter: '{0}'.",
    )
    UNKNOWN_TENANT = (
        90002,
        400,
        "invalid_request",
        (
            "Tenant '{0}' not found. Check to make sure you have the correct tenant ID and are signing into the"
            " correct cloud. This emulator has one tenant, {1}."
        ),
    )
    UNKNOWN_APPLICATION = (
        700016,
        400,
        "unauthorized_client",
        (
            "Application with identifier '{0}' was not found in the directory '{1}'. This can happen if the "
            "application has not been installed by the administrator of the tenant."
        ),
    )
    WRONG_SECRET = (
        7000215,
        401,
        "invalid_client",
        (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
            "value, not the client secret ID, for a secret added to app '{0}'."
        ),
    )
    NO_CREDENTIAL = (
        7000216,
        401,
        "invalid_client",
        "'client_assertion' or 'client_secret' is required for the 'client_credentials' grant type.",
    )
    WRONG_ASSERTION = (
        700027,
        401,
        "invalid_client",
        (
            "The certificate with which the client assertion of app '{0}' was signed is not registered, or the "
            "signature is not valid."
        ),
    )
    ASSERTION_CLAIMS = (
        700023,
        401,
        "invalid_client",
        (
            "Client assertion refused: its issuer and subject must be '{0}', its audience this token endpoint, "
            "and its time must be now."
        ),
    )
    GRANT_TYPE = (
        70003,
        400,
        "unsupported_grant_type",
        (
            "The app requested an unsupported grant type '{0}'. This emulator signs in applications alone, with"
            " 'client_credentials'."
        ),
    )
    SCOPE = (
        1002012,
        400,
        "invalid_scope",
        (
            "The provided value for scope {0} is not valid. Client credential flows must have a scope value "
            "with /.default suffixed to the resource identifier (application ID URI)."
        ),
    )
    RESOURCE = (
        500011,
        400,
        "invalid_resource",
        (
            "The resource principal named {0} was not found in the tenant named {1}. This emulator has Key "
            "Vault, Resource Manager and Microsoft Graph."
        ),
    )

    def __init__(self, number: int, status: int, error: str, text: str) -> None:
        self.number = number
        self.status = status
        self.error = error
        self.text = text


class SignInRefused(Exception):
    """A sign-in that is refused; answered by the routes.

    Args:
        names: what the cause's sentence names, in its order; what a caller gave is cut and cleaned.
    """

    def __init__(self, refusal: Refusal, *names: str) -> None:
        cleaned = ["".join(character for character in name[:100] if character.isprintable()) for name in names]
        super().__init__(refusal.text.format(*cleaned))
        self.refusal = refusal

    def document(self, correlation_id: str) -> dict[str, Any]:
        """The body of the answer."""
        trace = str(uuid.uuid4())
        timestamp = f"{datetime.fromtimestamp(now(), UTC):%Y-%m-%d %H:%M:%SZ}"
        number = self.refusal.number
        ids = f"Trace ID: {trace} Correlation ID: {correlation_id} Timestamp: {timestamp}"
        return {
            "error": self.refusal.error,
            "error_description": f"AADSTS{number}: {self} {ids}",
            "error_codes": [number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        }
