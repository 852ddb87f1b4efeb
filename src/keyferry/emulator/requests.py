"""What a request carries, by the time a handler has it: its body in whole, the vault, the caller, the emulator."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.requests import Request

from keyferry.emulator.failures import AzureFailure

if TYPE_CHECKING:
    from keyferry.emulator.directory import Principal
    from keyferry.emulator.emulator import Emulator
    from keyferry.emulator.management.vaults import Vault

#: levels of objects and lists in a body; Azure's own have fewer than ten
MAX_NESTING: Final = 100


def emulator_of(request: Request) -> "Emulator":
    """The emulator that serves the request."""
    return cast("Emulator", request.app.state.emulator)


def vault_of(request: Request) -> "Vault":
    """The vault that the request is for; on the data plane alone."""
    return cast("Vault", request.state.vault)


def principal_of(request: Request) -> "Principal":
    """Who calls, by a token that was verified."""
    return cast("Principal", request.state.principal)


def base_of(request: Request) -> str:
    """`https://HOST[:PORT]`, as the caller named the host; no slash at its end."""
    return cast(str, request.state.base)


def body_of(request: Request) -> bytes:
    """The whole body; `app.py` has read it, so that handlers need not be asynchronous."""
    return cast(bytes, request.state.body)


def object_of(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty object.

    What it holds may be kept and answered later, so it must be writable as JSON too: no number beyond every float, no
    half of a surrogate pair, and `MAX_NESTING` levels at most, as whoever writes it may have gone deep already.

    Raises:
        AzureFailure: 400 BadParameter: it is no JSON object in UTF-8, is nested too deep, has a member twice, or holds
            what cannot be answered.
    """
    body = body_of(request)
    if not body.strip():
        return {}
    try:
        found = json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise AzureFailure(400, "BadParameter", "The request's body is not JSON in UTF-8.") from None
    if not isinstance(found, dict):
        raise AzureFailure(400, "BadParameter", "The request's body is not a JSON object.")
    if _is_deep(found):
        raise AzureFailure(400, "BadParameter", f"The request's body is nested more than {MAX_NESTING} levels deep.")
    try:
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        detail = "The request's body holds half of a surrogate pair, or a number beyond every float."
        raise AzureFailure(400, "BadParameter", detail) from None
    return found


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_NESTING):
        level = [inner for each in level for inner in _within(each)]
    return bool(level)


def _within(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise AzureFailure(400, "BadParameter", "A member stands twice in an object of the request's body.")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(text)
