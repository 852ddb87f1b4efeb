"""`keyferry key metrics`: figures about the keys that one may see."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.output import Output
from keyferry.cli.remote import remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_DAYS = 366
_ACTIVITY = {"DAY": "date", "CREATED": "created", "ROTATED": "rotated", "USED": "used", "EXPORTED": "exported"}


@click.command("metrics")
@click.option(
    "--days", type=click.IntRange(1, _DAYS), default=30, show_default=True, help="Days of activity, today included."
)
@remote
def metrics(server: "Server", out: Output, days: int) -> None:
    """Show keys by state, type, age and owner, and what was done with them by day."""
    found = server.get("/key-metrics", days=days)
    if out.as_json:
        out.facts(found, {})
        return
    expiring = ", ".join(f"{each['keys']} within {_in_days(each['within_days'])}" for each in found["expiring"])
    rows = {
        "By state": _listed(found["by_state"]),
        "By type": _listed(found["by_type"]),
        "By age": _listed(found["by_age"]),
        "By owner": _listed({f"{each['kind']} {each['name']}": each["keys"] for each in found["by_owner"]}),
        "Expiring": expiring,
        "Pending destruction": found["pending_destruction"],
    }
    out.facts(found, rows, head=f"{_keys(found['total'])}, at {found['at']}.")
    busy = [day for day in found["days"] if any(day[name] for name in list(_ACTIVITY.values())[1:])]
    out.say()
    out.table(busy, _ACTIVITY, none=f"Nothing was done with keys in the last {_in_days(days)}.")


def _listed(counts: Mapping[str, Any]) -> str | None:
    return ", ".join(f"{name}: {number}" for name, number in counts.items() if number) or None


def _keys(number: int) -> str:
    return "1 key" if number == 1 else f"{number} keys"


def _in_days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"
