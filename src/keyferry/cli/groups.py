"""`keyferry group`: groups of users that own keys together."""

from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.approvals import PolicyEdit, policy_options, policy_rows
from keyferry.cli.choices import KEK_POLICIES
from keyferry.cli.failures import Group
from keyferry.cli.output import Output
from keyferry.cli.remote import limit_option, path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_description = click.option("--description", metavar="TEXT", help="What the group is for; an empty text clears it.")
_kek_policy = click.option(
    "--kek-policy",
    type=click.Choice(KEK_POLICIES),
    help="Key encryption keys that exports of the group's keys accept; inherit: as the server's setting says.",
)


@click.group("group", cls=Group)
def group() -> None:
    """Groups of users that own keys together."""


@group.command("create")
@click.argument("id_", metavar="ID")
@_description
@_kek_policy
@remote
def create(server: "Server", out: Output, id_: str, description: str | None, kek_policy: str | None) -> None:
    """Create a group; its id takes no upper case."""
    made = server.create("/groups", {"id": id_, "description": description, "kek_policy": kek_policy})
    out.facts(made, _rows(made), head=f"Group {id_} was created.")


@group.command("list")
@limit_option
@remote
def list_groups(server: "Server", out: Output, limit: int | None) -> None:
    """List groups: all for Administrators and Auditors, one's own for others."""
    columns = {"ID": "id", "DESCRIPTION": "description", "KEK POLICY": "kek_policy", "CREATED": "created_at"}
    out.table(server.items("/groups", limit=limit), columns, none="There are no groups.")


@group.command("show")
@click.argument("id_", metavar="ID")
@remote
def show(server: "Server", out: Output, id_: str) -> None:
    """Show a group."""
    found = server.get(path("groups", id_))
    out.facts(found, _rows(found) | _approvals(server, out, found), head=f"Group {found.get('id')}")


@group.command("edit")
@click.argument("id_", metavar="ID")
@_description
@_kek_policy
@policy_options(of_key=False)
@remote
def edit(
    server: "Server",
    out: Output,
    id_: str,
    description: str | None,
    kek_policy: str | None,
    policy: PolicyEdit,
) -> None:
    """Change a group's description, KEK policy, or what needs the approval of others."""
    body = {"description": description, "kek_policy": kek_policy, **policy.members}
    changed = server.patch(path("groups", id_), body, clear=policy.cleared)
    rows = _rows(changed) | _approvals(server, out, changed)
    out.facts(changed, rows, head=f"Group {changed.get('id')} was changed.")


@group.command("delete")
@click.argument("id_", metavar="ID")
@remote
def delete(server: "Server", out: Output, id_: str) -> None:
    """Delete a group that owns no keys."""
    server.delete(path("groups", id_))
    out.facts({"id": id_, "deleted": True}, {}, head=f"Group {id_} was deleted.")


def _approvals(server: "Server", out: Output, group: dict[str, Any]) -> dict[str, Any]:
    """What of it needs approval, for people."""
    return policy_rows(server, out, "groups", group["id"]) if group.get("needs_approvals") and not out.as_json else {}


def _rows(group: dict[str, Any]) -> dict[str, Any]:
    return {
        "Description": group.get("description"),
        "KEK policy": group.get("kek_policy"),
        "Created": group.get("created_at"),
    }
