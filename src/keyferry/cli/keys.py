"""`keyferry key`: making keys, looking at them, describing them. States are in states.py, `export` in exports.py."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli import exports, key_metrics, reminders, states, uses
from keyferry.cli.approvals import PolicyEdit, policy_options, policy_rows
from keyferry.cli.choices import KEY_SORTS, KEY_TYPES, STATES, USAGES
from keyferry.cli.failures import Group
from keyferry.cli.files import others_can_read, read_input, require_writable, write_whole
from keyferry.cli.key_facts import COLUMNS, VERSION_COLUMNS, deployed_as, deployments, listed, rows, title
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import limit_option, path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_id = click.argument("id_", metavar="ID")
_type = click.option("--type", "type_", type=click.Choice(KEY_TYPES), required=True, help="The key's type.")


class Usages(click.ParamType[list[str]]):
    """Operations, with commas between."""

    name = "usages"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """`value` as a list of usages; wrong usage otherwise."""
        found = [part.strip() for part in str(value).split(",")]
        if not set(found) <= set(USAGES):
            self.fail(f"{str(value)!r} is no list such as {USAGES[0]},{USAGES[1]} of {', '.join(USAGES)}.", param, ctx)
        return found


_ROTATION = (
    click.option(
        "--rotate-every", type=click.IntRange(1, 3650), metavar="DAYS", help="Rotate it by itself, every so many days."
    ),
    click.option(
        "--rotate-before",
        type=click.IntRange(1, 3650),
        metavar="DAYS",
        help="Rotate it by itself, so many days before the deactivation date.",
    ),
)


def _new_key_options(command: Callable[..., None]) -> Callable[..., None]:
    """What `create` and `import` say of the key that is to be."""
    options = [
        click.option("--name", metavar="NAME", help="Lower-case letters, and digits, '-', '_', '.'."),
        click.option("--description", metavar="TEXT", help="What the key is for."),
        click.option("--group", metavar="ID", help="The group that is to own it."),
        click.option("--owner", metavar="USER", help="The user who is to own it."),
        click.option("--pre-active", is_flag=True, help="Make it pre-active: not usable until it is activated."),
        click.option("--not-exportable", is_flag=True, help="Never let it leave."),
        click.option(
            "--usage", "usages", type=Usages(), metavar="OPS", help="Such as sign,verify; else all it can do."
        ),
        click.option("--activation-date", metavar="TIME", help="When it becomes active: 2030-01-31T12:00:00Z."),
        click.option("--deactivation-date", metavar="TIME", help="When it stops protecting."),
        *_ROTATION,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group("key", cls=Group)
def key() -> None:
    """Keys: make, describe, change state, export."""


@key.command("create")
@_type
@_new_key_options
@click.option(
    "--count",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Generate N keys, named NAME-0001 and so on if a name is given.",
)
@remote
def create(server: "Server", out: Output, /, type_: str, count: int | None, **new: Any) -> None:
    """Generate a key, or many."""
    if count is not None:
        from keyferry.cli.bulk_create import create_many

        create_many(server, out, _new_key(type_, new), count)
        return
    with working(f"Generating a key of type {type_}"):
        made = server.create("/keys", _new_key(type_, new))
    out.facts(made, rows(made), head=f"Key {title(made)} was created.")


@key.command("import")
@click.argument("material", metavar="FILE")
@_type
@click.option("--passphrase-file", metavar="FILE", help="File with the passphrase of an encrypted key; - for stdin.")
@_new_key_options
@remote
def import_key(
    server: "Server", out: Output, /, material: str, type_: str, passphrase_file: str | None, **new: Any
) -> None:
    """Take a key that was made elsewhere: PEM, DER, JWK, or an AES key's bytes."""
    from keyferry.cli.encodings import base64url
    from keyferry.cli.secret_input import read_secret

    body = _new_key(type_, new) | {"material": base64url(read_input(material, what="key", field="material"))}
    if passphrase_file is not None:
        passphrase = read_secret(passphrase_file, what="passphrase", field="passphrase_file")
        body["passphrase"] = passphrase.reveal().decode()
    with working("Importing the key"):
        made = server.create("/keys/import", body)
    out.facts(made, rows(made), head=f"Key {title(made)} was imported.")
    out.warn([warning for warning in [others_can_read(material)] if warning])


@key.command("list")
@click.option("--name", metavar="NAME", help="Only keys of this name.")
@click.option("--group", metavar="ID", help="Only keys of this group.")
@click.option("--owner", metavar="USER", help="Only keys of this user.")
@click.option("--search", metavar="PREFIX", help="Only keys whose name begins so; [blank]: keys without a name.")
@click.option("--state", type=click.Choice(STATES), help="Only keys in this state.")
@click.option("--type", type=click.Choice(KEY_TYPES), help="Only keys of this type.")
@click.option(
    "--expiring",
    type=click.IntRange(1, 3650),
    metavar="DAYS",
    help="Only keys that are deactivated within so many days.",
)
@click.option("--pending", is_flag=True, default=None, help="Only keys of which a version is to be destroyed.")
@click.option("--sort", type=click.Choice(KEY_SORTS), help="The order, else created; with - before it, the last first.")
@limit_option
@remote
def list_keys(server: "Server", out: Output, /, limit: int | None, **filters: Any) -> None:
    """List keys: all for Administrators and Auditors, one's own and one's groups' for others."""
    found = server.items("/keys", limit=limit, **filters)
    out.table(found if out.as_json else list(map(listed, found)), COLUMNS, none="There are no keys.")


@key.command("show")
@_id
@remote
def show(server: "Server", out: Output, id_: str) -> None:
    """Show a key and its current version, and where it is deployed."""
    found = server.get(path("keys", id_))
    deployed = deployments(server, str(found["id"]))
    placed = [deployed_as(each) for each in deployed] or None
    told = rows(found) | {"Deployed": placed} | _approvals(server, out, found)
    out.facts(found | {"deployments": deployed}, told, head=f"Key {title(found)}")


@key.command("versions")
@_id
@remote
def versions(server: "Server", out: Output, id_: str) -> None:
    """List a key's versions."""
    found = server.items(path("keys", id_, "versions"))
    out.table(found, VERSION_COLUMNS, none="There are no versions.")


@key.command("access")
@_id
@remote
def access(server: "Server", out: Output, id_: str) -> None:
    """List who can use a key, since when and by whose doing."""
    columns = {
        "USER": "user",
        "DISABLED": "disabled",
        "MEMBER SINCE": "since",
        "ADDED BY": "added_by",
        "PASSWORD SET": "password_set_at",
        "SET BY": "password_set_by",
    }
    out.table(server.items(path("keys", id_, "access")), columns, none="Nobody can use it.")


@key.command("public-key")
@_id
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="Of this version; else the current one.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it to a file.")
@click.option("--force", is_flag=True, help="Write over an existing file.")
@remote
def public_key(server: "Server", out: Output, id_: str, version: int | None, output: Path | None, force: bool) -> None:
    """Print a key's public key as PEM."""
    if output is not None:
        require_writable(output, force=force)
    found = server.get(path("keys", id_, "public-key"), version=version)
    if output is not None:
        write_whole(output, found["pem"].encode("ascii"), what="public key", force=force)
    if out.as_json or output is not None:
        out.facts(found, {"SPKI SHA-256": found.get("spki_sha256")}, head=f"The public key is in {output}.")
    else:
        for line in found["pem"].splitlines():
            out.say(line)


@key.command("edit")
@_id
@click.option("--name", metavar="NAME", help="The new name; an empty text takes it away.")
@click.option("--description", metavar="TEXT", help="The new description; an empty text clears it.")
@click.option(
    "--activation-date", metavar="TIME", help="When the current version becomes active; an empty text: never by itself."
)
@click.option("--deactivation-date", metavar="TIME", help="When it stops protecting; an empty text: never by itself.")
@_ROTATION[0]
@_ROTATION[1]
@click.option("--no-rotation", is_flag=True, help="Rotate it no longer by itself, or only as is said beside this.")
@policy_options(of_key=True)
@remote
def edit(
    server: "Server",
    out: Output,
    /,
    id_: str,
    rotate_every: int | None,
    rotate_before: int | None,
    no_rotation: bool,
    policy: PolicyEdit,
    **changes: str | None,
) -> None:
    """Change a key's name, description, schedule, what needs approval by others, or dates that have not come yet."""
    clear = [name for name, value in changes.items() if value == ""]
    body: dict[str, Any] = {name: value or None for name, value in changes.items()}
    rotation = _rotation(rotate_every, rotate_before)
    if no_rotation and rotation is None:
        clear.append("rotation")
    elif no_rotation:
        rotation = {"every_days": rotate_every, "before_deactivation_days": rotate_before}
    changed = server.patch(
        path("keys", id_), body | {"rotation": rotation} | policy.members, clear=[*clear, *policy.cleared]
    )
    out.facts(changed, rows(changed) | _approvals(server, out, changed), head=f"Key {title(changed)} was changed.")


@key.command("reassign")
@_id
@click.option("--group", metavar="ID", help="The group that is to own it.")
@click.option("--owner", metavar="USER", help="The user who is to own it; for Administrators.")
@remote
def reassign(server: "Server", out: Output, id_: str, group: str | None, owner: str | None) -> None:
    """Give a key to another owner."""
    changed = server.post(path("keys", id_, "reassign"), {"group": group, "owner": owner})
    out.facts(changed, rows(changed), head=f"Key {title(changed)} has another owner.")


def _approvals(server: "Server", out: Output, key: dict[str, Any]) -> dict[str, Any]:
    """What of it needs approval by its own policy, for people."""
    return policy_rows(server, out, "keys", key["id"]) if key.get("needs_approvals") and not out.as_json else {}


def _new_key(type_: str, new: dict[str, Any]) -> dict[str, Any]:
    """The body of a request for a new key; what was not said is None and is left out."""
    flags = {
        "activated": False if new.pop("pre_active") else None,
        "exportable": False if new.pop("not_exportable") else None,
    }
    rotation = _rotation(new.pop("rotate_every"), new.pop("rotate_before"))
    return {"type": type_, **flags, **new, "rotation": rotation}


def _rotation(every: int | None, before: int | None) -> dict[str, Any] | None:
    """A schedule as requests say it; None if nothing was said of it."""
    said = {"every_days": every, "before_deactivation_days": before}
    return {name: days for name, days in said.items() if days is not None} or None


for each in (*states.COMMANDS, *uses.COMMANDS, exports.export_key, key_metrics.metrics, reminders.reminders):
    key.add_command(each)
