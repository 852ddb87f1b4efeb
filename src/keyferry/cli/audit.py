"""`keyferry audit`: the audit log."""

from typing import TYPE_CHECKING

import click

from keyferry.cli.choices import OUTCOMES
from keyferry.cli.failures import Group
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import limit_option, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server


@click.group("audit", cls=Group)
def audit() -> None:
    """The audit log: read it, verify it."""


@audit.command("list")
@click.option("--person", metavar="USER", help="What this user did, by name or id.")
@click.option("--key", metavar="KEY", help="What was done to this key, by its id or the name that it had then.")
@click.option("--operation", metavar="NAME", help="Such as key.export; or key, for all that is done to keys.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only events with this outcome.")
@click.option("--since", metavar="TIME", help="Not before this time, such as 2030-01-31T12:00:00Z.")
@click.option("--until", metavar="TIME", help="Before this time.")
@click.option("--newest", is_flag=True, help="The newest events first.")
@limit_option
@remote
def list_events(server: "Server", out: Output, /, limit: int | None, newest: bool, **sought: str | None) -> None:
    """List events, in the order in which they were written unless said otherwise. Reading is itself recorded."""
    columns = {
        "NUMBER": "number",
        "AT": "at",
        "ACTOR": "actor_name",
        "OPERATION": "operation",
        "OBJECT": "object_name",
        "OUTCOME": "outcome",
        "CODE": "code",
    }
    out.table(
        server.items("/audit-events", limit=limit, order="newest" if newest else None, **sought),
        columns,
        none="There are no events.",
    )


@audit.command("verify")
@click.option("--expect-head", metavar="HEAD", help="A head noted earlier, NUMBER:HASH, that must lie on the chain.")
@remote
def verify(server: "Server", out: Output, expect_head: str | None) -> None:
    """Check every event's MAC, the numbers and the chain; print the head to note elsewhere."""
    from keyferry.errors import IntegrityViolation

    with working("Walking the audit log"):
        found = server.get("/audit-events/verification", expect_head=expect_head)
    findings = found.get("findings", [])
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    state = f"{count}." if findings else "All is well."
    out.facts(found, {"Events": found.get("events"), "Head": found.get("head")}, head=state)
    for finding in findings:
        out.say(f"  - {finding}")
    if findings:
        raise IntegrityViolation(f"The audit log does not verify: {count}.", code="audit-broken")
