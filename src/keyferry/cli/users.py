"""`keyferry user`: Administrators and Key Access Users."""

from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.choices import ROLES
from keyferry.cli.failures import Group, WrongUsage
from keyferry.cli.files import STANDARD_INPUT
from keyferry.cli.output import Output
from keyferry.cli.remote import limit_option, path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_groups = click.option("--group", "groups", metavar="ID", multiple=True, help="A group of the user; may be repeated.")
_default_group = click.option("--default-group", metavar="ID", help="Whose a new key is when nothing is said.")
_display_name = click.option("--display-name", metavar="TEXT", help="An alternate name, for other applications.")
_email = click.option("--email", metavar="ADDRESS", help="Where to reach the user.")
_networks = click.option(
    "--allow-network",
    "networks",
    metavar="CIDR",
    multiple=True,
    help="A network, IPv4 or IPv6, that the account may be used from; may be repeated. Without any: from everywhere.",
)
_password_file = click.option(
    "--password-file", metavar="FILE", help="File with the new password; - for stdin; without it, a prompt."
)


@click.group("user", cls=Group)
def user() -> None:
    """Administrators, Key Access Users and Auditors."""


_temporary = click.option(
    "--temporary/--final",
    default=None,
    help="Whether the password is good for setting one's own alone. Without either: one that is typed is, one from a "
    "file is final.",
)


@user.command("create")
@click.argument("name", metavar="NAME")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the user may do.")
@_groups
@_default_group
@_display_name
@_email
@_networks
@click.option("--disabled", is_flag=True, help="Deny access through this account for now.")
@_password_file
@_temporary
@click.option("--invite", is_flag=True, help="Give no password: print a link with which the user sets their own.")
@remote
def create(
    server: "Server",
    out: Output,
    name: str,
    role: str,
    groups: tuple[str, ...],
    default_group: str | None,
    display_name: str | None,
    email: str | None,
    networks: tuple[str, ...],
    disabled: bool,
    password_file: str | None,
    temporary: bool | None,
    invite: bool,
) -> None:
    """Create a user."""
    _exclude(invite=invite, password_file=password_file is not None)
    _exclude(invite=invite, temporary=temporary is not None)
    body = {
        "name": name,
        "role": role,
        "groups": list(groups) or None,
        "default_group": default_group,
        "display_name": display_name,
        "email": email,
        "networks": list(networks) or None,
        "disabled": disabled or None,
        "password": None if invite else _password(password_file, "password_file"),
        "temporary_password": None if invite else _is_temporary(temporary, password_file),
    }
    made = server.create("/users", body)
    if not invite:
        out.facts(made, _rows(made), head=f"User {name} was created.")
        return
    invitation = server.post(path("users", str(made["id"]), "invitation"))
    out.facts({**made, "invitation": invitation}, _rows(made), head=f"User {name} was created.")
    _show_invitation(server, out, invitation)


@user.command("invite")
@click.argument("name", metavar="NAME")
@remote
def invite(server: "Server", out: Output, name: str) -> None:
    """Print a link with which a user without a password sets their own; one before it ends."""
    invitation = server.post(path("users", name, "invitation"))
    out.facts(invitation, {})
    _show_invitation(server, out, invitation)


@user.command("unlock")
@click.argument("name", metavar="NAME")
@remote
def unlock(server: "Server", out: Output, name: str) -> None:
    """Forget failed sign-ins of an account, so that the next one is looked at at once."""
    changed = server.post(path("users", name, "unlock"))
    out.facts(changed, {}, head=f"Failed sign-ins of {changed.get('name')} are forgotten.")


@user.command("list")
@limit_option
@remote
def list_users(server: "Server", out: Output, limit: int | None) -> None:
    """List users."""
    columns = {
        "NAME": "name",
        "ROLE": "role",
        "GROUPS": "groups",
        "DISPLAY NAME": "display_name",
        "DISABLED": "disabled",
        "CREATED": "created_at",
    }
    out.table(server.items("/users", limit=limit), columns, none="There are no users.")


@user.command("show")
@click.argument("name", metavar="NAME")
@remote
def show(server: "Server", out: Output, name: str) -> None:
    """Show a user, by id or name."""
    found = server.get(path("users", name))
    out.facts(found, _rows(found), head=f"User {found.get('name')}")


@user.command("edit")
@click.argument("name", metavar="NAME")
@click.option("--role", type=click.Choice(ROLES), help="The new role; a change of role drops all memberships.")
@_groups
@click.option("--no-groups", is_flag=True, help="Take the user out of every group.")
@_default_group
@click.option("--no-default-group", is_flag=True, help="Take the default group away.")
@_display_name
@_email
@_networks
@click.option("--any-network", is_flag=True, help="Let the account be used from everywhere.")
@remote
def edit(
    server: "Server",
    out: Output,
    name: str,
    role: str | None,
    groups: tuple[str, ...],
    no_groups: bool,
    default_group: str | None,
    no_default_group: bool,
    display_name: str | None,
    email: str | None,
    networks: tuple[str, ...],
    any_network: bool,
) -> None:
    """Change a user; --group and --allow-network replace all that were there."""
    _exclude(group=bool(groups), no_groups=no_groups)
    _exclude(default_group=default_group is not None, no_default_group=no_default_group)
    _exclude(allow_network=bool(networks), any_network=any_network)
    body = {
        "role": role,
        "groups": [] if no_groups else list(groups) or None,
        "default_group": default_group,
        "display_name": display_name,
        "email": email,
        "networks": list(networks) or None,
    }
    clear = [member for member, said in (("default_group", no_default_group), ("networks", any_network)) if said]
    changed = server.patch(path("users", name), body, clear=clear)
    out.facts(changed, _rows(changed), head=f"User {changed.get('name')} was changed.")


@user.command("password")
@click.argument("name", metavar="NAME")
@_password_file
@click.option(
    "--current-password-file", metavar="FILE", help="File with the present password; needed to change one's own."
)
@_temporary
@remote
def password(
    server: "Server",
    out: Output,
    name: str,
    password_file: str | None,
    current_password_file: str | None,
    temporary: bool | None,
) -> None:
    """Set a password; every session and token of the account ends."""
    if password_file == current_password_file == STANDARD_INPUT:
        raise WrongUsage(
            "Both passwords cannot come from standard input.", advice="Give at least one of them in a file."
        )
    current = None
    if current_password_file is not None:
        current = _password(current_password_file, "current_password_file", confirm=False)
    body = {
        "password": _password(password_file, "password_file"),
        "current_password": current,
        "temporary": current is None and _is_temporary(temporary, password_file),
    }
    changed = server.put(path("users", name, "password"), body)
    head = f"The password of {name} was set; their sessions and tokens have ended."
    out.facts(changed or {"name": name}, {}, head=head)


@user.command("disable")
@click.argument("name", metavar="NAME")
@remote
def disable(server: "Server", out: Output, name: str) -> None:
    """Deny an account every way in, at once; its sessions and tokens end."""
    changed = server.post(path("users", name, "disable"))
    out.facts(changed, {}, head=f"User {changed.get('name')} is disabled.")


@user.command("enable")
@click.argument("name", metavar="NAME")
@remote
def enable(server: "Server", out: Output, name: str) -> None:
    """Let a disabled account in again."""
    changed = server.post(path("users", name, "enable"))
    out.facts(changed, {}, head=f"User {changed.get('name')} is enabled.")


@user.command("delete")
@click.argument("name", metavar="NAME")
@remote
def delete(server: "Server", out: Output, name: str) -> None:
    """Delete a user who owns no keys; the name is not used again."""
    server.delete(path("users", name))
    out.facts({"name": name, "deleted": True}, {}, head=f"User {name} was deleted.")


def _is_temporary(said: bool | None, password_file: str | None) -> bool:  # as the option has it
    """What a person types for another, both know; what a file holds, a script has made, and signs in with."""
    return password_file is None if said is None else said


def _show_invitation(server: "Server", out: Output, invitation: dict[str, Any]) -> None:
    out.say(f"Within three days, {invitation.get('user_name')} sets a password at this link, which is good once:")
    out.say(f"  {server.profile.server}{invitation.get('path')}")


def _exclude(**given: bool) -> None:
    if all(given.values()):
        first, second = ("--" + name.replace("_", "-") for name in given)
        raise WrongUsage(f"{first} and {second} exclude each other.", advice="Give one of them.")


def _password(file: str | None, field: str, *, confirm: bool = True) -> str:
    from keyferry.cli.secret_input import read_password

    return read_password(file, field=field, confirm=confirm)


def _rows(user: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": user.get("id"),
        "Role": user.get("role"),
        "Groups": user.get("groups"),
        "Default group": user.get("default_group"),
        "Display name": user.get("display_name"),
        "Email": user.get("email"),
        "Networks": user.get("networks"),
        "Disabled": user.get("disabled"),
        "Created": user.get("created_at"),
    }
