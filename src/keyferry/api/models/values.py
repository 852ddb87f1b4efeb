"""The values that requests and answers are made of."""

import base64
from contextlib import suppress
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    Strict,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)

from keyferry.clock import Microseconds, from_rfc3339, to_rfc3339
from keyferry.errors import InvalidInput
from keyferry.material.secret import Secret

_LONGEST_SECRET_BYTES: Final = 64 * 1024

REFERENCE_PATTERN: Final = r"^[A-Za-z0-9._@-]{1,64}(/[A-Za-z0-9._@-]{1,64})?$"
ID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


class Request(BaseModel):
    """The body or the query of a request: a member that is not known is refused, and so is a value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Answer(BaseModel):
    """The body of an answer."""

    model_config = ConfigDict(frozen=True)


def _no_nul(text: str, info: ValidationInfo) -> str:
    """PostgreSQL keeps no U+0000 in text; what custody calls a name or a text has none either."""
    if "\0" in text:
        field = info.field_name or "text"
        raise InvalidInput(f"{field} holds the character U+0000.", field=field, advice="Leave it out.")
    return text


def _moment(value: Any, info: ValidationInfo) -> Microseconds:
    field = info.field_name or "time"
    if not isinstance(value, str):
        raise InvalidInput(
            f"{field} is no text.", field=field, advice="Give a time such as 2030-01-31T12:00:00Z, or leave it out."
        )
    return from_rfc3339(value, field=field)


Reference = Annotated[
    str,
    StringConstraints(pattern=REFERENCE_PATTERN),
    Field(description="An id or a name; of a key also `GROUP/NAME`, in a path with the slash as `%2F`."),
]
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Line = Annotated[str, StringConstraints(max_length=1024), AfterValidator(_no_nul)]
Name = Annotated[str, StringConstraints(max_length=256), AfterValidator(_no_nul)]
Flag = Annotated[bool, Strict()]
VersionNumber = Annotated[int, Strict(), Field(ge=1, le=2**31 - 1)]
Moment = Annotated[
    Microseconds,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2030-01-31T12:00:00Z"]}),
]
Password = Annotated[SecretStr, Field(max_length=4096)]
PublicKeyText = Annotated[str, StringConstraints(max_length=_LONGEST_SECRET_BYTES), AfterValidator(_no_nul)]
SecretText = Annotated[SecretStr, Field(max_length=_LONGEST_SECRET_BYTES)]
SecretBytes = Annotated[
    SecretStr,
    Field(max_length=4 * _LONGEST_SECRET_BYTES // 3 + 4, description="Bytes, as base64url without padding."),
]


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def left_out() -> Any:
    """The default of a member that may be left out but not be null."""
    return Field(default=None, json_schema_extra=_without_default)


def secret_of(text: SecretStr) -> Secret:
    """As the rest of the house holds it."""
    return Secret(text.get_secret_value().encode())


def bytes_of(text: str, *, field: str) -> bytes:
    """Bytes from base64url without padding (RFC 4648 section 5).

    Raises:
        InvalidInput: `text` is something else, or its last character has bits set that belong to no byte.
    """
    decoded = b""
    with suppress(ValueError):
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url(decoded) != text:
        raise InvalidInput(
            f"{field} is no base64url without padding.",
            field=field,
            advice="Encode the bytes as RFC 4648 section 5 says.",
        )
    return decoded


def base64url(data: bytes) -> str:
    """Without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def when(moment: Microseconds | None) -> str | None:
    """As answers say it: RFC 3339, UTC; null for never."""
    return None if moment is None else to_rfc3339(moment)
