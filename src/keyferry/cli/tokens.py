"""`keyferry token`: named tokens for programs."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.failures import Group
from keyferry.cli.files import require_writable, write_whole
from keyferry.cli.output import Output
from keyferry.cli.remote import limit_option, path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_NONE = "There are no tokens."
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Lifetime(click.ParamType[int]):
    """A span such as 90d, in seconds."""

    name = "lifetime"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """`value` in seconds; wrong usage otherwise."""
        match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", str(value), re.ASCII)
        if match is None:
            self.fail(f"{str(value)!r} is no time span such as 12h or 90d.", param, ctx)
        return int(match[1]) * _SECONDS[match[2]]


@click.group("token", cls=Group)
def token() -> None:
    """Tokens for programs."""


@token.command("create")
@click.argument("name", metavar="NAME")
@click.option("--lifetime", type=Lifetime(), metavar="SPAN", default="90d", show_default=True, help="Such as 12h, 90d.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the token to a new file that only you can read, in place of printing it.",
)
@click.option(
    "--operation",
    "operations",
    multiple=True,
    metavar="NAME",
    help="What it is for: an operation such as key.export, or read, use, export, push, manage, audit; may be repeated.",
)
@click.option("--key", "keys", multiple=True, metavar="ID", help="A key that it reaches; may be repeated.")
@click.option("--group", "groups", multiple=True, metavar="ID", help="A group whose keys it reaches; may be repeated.")
@click.option(
    "--network", "networks", multiple=True, metavar="CIDR", help="A network that it may be used from; may be repeated."
)
@remote
def create(
    server: "Server",
    out: Output,
    name: str,
    lifetime: int,
    output: Path | None,
    operations: tuple[str, ...],
    keys: tuple[str, ...],
    groups: tuple[str, ...],
    networks: tuple[str, ...],
) -> None:
    """Make a token, for all that you may do or narrowed to a part of it; its text is shown once."""
    if output is not None:
        require_writable(output, force=False)
    scope = {"operations": operations, "keys": keys, "groups": groups, "networks": networks}
    named = {member: list(values) for member, values in scope.items() if values}
    made = server.post("/tokens", {"name": name, "lifetime_seconds": lifetime, **named})
    if output is not None:
        write_whole(output, made.pop("token").encode("ascii") + b"\n", what="token", force=False)
    rows = {"Id": made.get("id"), "Until": made.get("expires_at"), "For": _for(made)}
    rows |= {"File": output, "Token": made.get("token")}
    out.facts(made, rows, head=f"Token {name} was made." + ("" if output else " Keep it now: it is not shown again."))


@token.command("list")
@click.option("--user", metavar="NAME", help="Whose tokens; one's own without it.")
@limit_option
@remote
def list_tokens(server: "Server", out: Output, user: str | None, limit: int | None) -> None:
    """List tokens, revoked and expired ones included."""
    columns = {
        "ID": "id",
        "NAME": "name",
        "KIND": "kind",
        "CREATED": "created_at",
        "UNTIL": "expires_at",
        "LAST USED": "last_used_at",
        "REVOKED": "revoked_at",
        "FOR": "for",
    }
    found = server.items("/tokens", limit=limit, user=user)
    out.table(found if out.as_json else [{**each, "for": _for(each)} for each in found], columns, none=_NONE)


@token.command("revoke")
@click.argument("id_", metavar="ID")
@remote
def revoke(server: "Server", out: Output, id_: str) -> None:
    """End a token at once."""
    server.delete(path("tokens", id_))
    out.facts({"id": id_, "revoked": True}, {}, head=f"Token {id_} is revoked.")


def _for(token: dict[str, Any]) -> str:
    """What a token is narrowed to, in one line."""
    parts = []
    for member, words in (("operations", "{}"), ("keys", "keys {}"), ("groups", "groups {}"), ("networks", "from {}")):
        if token.get(member) is not None:
            parts.append(words.format(", ".join(token[member]) or "nowhere"))
    return "; ".join(parts) or "all"
