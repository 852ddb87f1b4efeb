"""`keyferry key reminders`: what is to come to the keys that one may see."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.failures import Command
from keyferry.cli.key_facts import in_days, listed
from keyferry.cli.output import Output
from keyferry.cli.remote import limit_option, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_COLUMNS = {
    "NAME": "name",
    "OWNER": "owned_by",
    "VERSION": "version",
    "WHAT": "what",
    "WHEN": "due_at",
    "TOLD": "told",
    "KEY": "key",
}


@click.command("reminders", cls=Command)
@limit_option
@remote
def reminders(server: "Server", out: Output, limit: int | None) -> None:
    """List what is to come to your keys: deactivations and rotations."""
    found = server.items("/reminders", limit=limit)
    out.table(
        found if out.as_json else [_line(each) for each in found], _COLUMNS, none="There is nothing to come soon."
    )


def _line(reminder: Mapping[str, Any]) -> dict[str, Any]:
    days = int(reminder["days"])
    overdue = "rotation is overdue: the version is not active"
    return {
        **listed(reminder),
        "what": reminder["about"] if days else overdue,
        "told": f"{in_days(days)} ahead" if days else "when it was due",
    }
