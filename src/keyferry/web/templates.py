"""The templates, and the few words that they have for values: times, names, fingerprints."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from keyferry import __version__
from keyferry.clock import SECOND, Microseconds, to_rfc3339
from keyferry.custody.token_scopes import TokenScope
from keyferry.web.addresses import (
    connection_address,
    group_address,
    group_name_address,
    provider_address,
    user_address,
)

NONE: Final = "–"  # noqa: RUF001  # a dash of that length, as people set it

#: what people call the roles
ROLES: Final = {"administrator": "Administrator", "key-access-user": "Key Access User", "auditor": "Auditor"}

#: how a key without a name shows in lists
BLANK: Final = "[blank]"


def moment(value: Microseconds | None, missing: str = NONE) -> str:
    """A date and time in UTC, to the minute, as people read it."""
    if value is None:
        return missing
    return datetime.fromtimestamp(value / SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")


def day(value: Microseconds | None, missing: str = NONE) -> str:
    """A date in UTC."""
    return missing if value is None else datetime.fromtimestamp(value / SECOND, UTC).strftime("%Y-%m-%d")


def for_input(value: Microseconds | None) -> str:
    """A time as `<input type=datetime-local>` takes it; empty for none."""
    return "" if value is None else datetime.fromtimestamp(value / SECOND, UTC).strftime("%Y-%m-%dT%H:%M")


def instant(value: Microseconds | None, missing: str = NONE) -> str:
    """A time to the microsecond, as RFC 3339 writes it."""
    return missing if value is None else to_rfc3339(value)


def host(url: str) -> str:
    """An address `https://HOST` without what all of them begin with."""
    return url.removeprefix("https://")


def indented(document: str) -> str:
    """A JSON text, a member a line."""
    return json.dumps(json.loads(document), indent=2, ensure_ascii=False)


def grouped(digest: str | None) -> str:
    """A fingerprint in groups of eight digits, so that two people can compare it aloud."""
    text = digest or ""
    return " ".join(text[start : start + 8] for start in range(0, len(text), 8))


def token_scope(scope: TokenScope) -> str:
    """What a token is narrowed to, in one line."""
    parts = [("for", scope.operations), ("keys", scope.keys), ("groups", scope.groups), ("from", scope.networks)]
    told = (f"{words} {', '.join(values) or 'nowhere'}" for words, values in parts if values is not None)
    return "; ".join(told)


def lasting(value: Microseconds) -> str:
    """A time span in the largest unit that divides it: 30 minutes, 7 days."""
    seconds = value // SECOND
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit} {name}{'' if seconds == unit else 's'}"
    return f"{seconds} seconds"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that every browser may keep for ever: its address changes with its content."""

    content: bytes
    media_type: str
    address: str


_MEDIA_TYPES: Final[Mapping[str, str]] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def read_static() -> dict[str, StaticFile]:
    """Every static file, by its name."""
    found = {}
    for each in (files("keyferry.web") / "static").iterdir():
        media_type = _MEDIA_TYPES.get(each.name.rpartition(".")[2])
        if media_type is not None:
            content = each.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            found[each.name] = StaticFile(content, media_type, f"/static/{digest}/{each.name}")
    return found


def environment(static: Mapping[str, StaticFile]) -> Environment:
    """Templates that escape all values, and fail on a value that the page forgot."""
    made = Environment(
        loader=PackageLoader("keyferry.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(moment=moment, day=day, for_input=for_input, grouped=grouped, lasting=lasting)
    made.filters.update(instant=instant, indented=indented, connection_address=connection_address)
    made.filters.update(user_address=user_address, group_address=group_address, group_name_address=group_name_address)
    made.filters.update(token_scope=token_scope, host=host)
    made.filters.update(provider_address=provider_address)
    made.filters.update(role=lambda value: ROLES[value])
    made.globals.update(_globals(static))
    return made


def _globals(static: Mapping[str, StaticFile]) -> dict[str, Any]:
    return {"BLANK": BLANK, "VERSION": __version__, "static": lambda name: static[name].address}
