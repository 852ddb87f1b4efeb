"""`keyferry export`, and `keyferry key export`: keys on their way to a cloud."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.choices import DESTINATIONS
from keyferry.cli.failures import Command, Group, WrongUsage
from keyferry.cli.files import read_input, read_public_key, require_writable, write_whole
from keyferry.cli.output import BLANK, Output
from keyferry.cli.progress import working
from keyferry.cli.remote import limit_option, path, remote
from keyferry.cli.transfer_answers import checked_file, import_line, will_not_do

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server


def _request_options(command: Callable[..., None]) -> Callable[..., None]:
    """Where a key goes, and under which key encryption key."""
    options = [
        click.option("--to", "destination", type=click.Choice(DESTINATIONS), required=True, help="Where the key goes."),
        click.option("--public-key", metavar="KEK.pem", required=True, help="The key encryption key's public key."),
        click.option("--key-identifier", metavar="KID", required=True, help="Its key identifier, with version."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group("export", cls=Group)
def export() -> None:
    """What has been exported, and what an export would do."""


@click.command("export", cls=Command)
@click.argument("id_", metavar="[ID]", required=False)
@_request_options
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE.byok", help="File to write.")
@click.option("--force", is_flag=True, help="Write over an existing output.")
@click.option("--all", "all_", is_flag=True, help="Export every key of a group or user that may leave.")
@click.option("--group", metavar="ID", help="With --all: the group's.")
@click.option("--owner", metavar="USER", help="With --all: the user's.")
@click.option(
    "--output-folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="With --all: folder for the files and their manifest; run again, only what is missing is done.",
)
@remote
def export_key(
    server: "Server",
    out: Output,
    id_: str | None,
    destination: str,
    public_key: str,
    key_identifier: str,
    output: Path | None,
    force: bool,
    all_: bool,
    group: str | None,
    owner: str | None,
    output_folder: Path | None,
) -> None:
    """Wrap a key's current version for a cloud and write the transfer file; or those of all keys of an owner."""
    if all_:
        from keyferry.cli.bulk_export import Wanted, export_all

        if id_ is not None or output is not None or force:
            raise _with_all("ID, --output and --force are for one key.")
        if output_folder is None or (group is None) == (owner is None):
            raise _with_all("--all needs --output-folder, and --group or --owner.")
        export_all(server, out, Wanted(destination, public_key, key_identifier, group, owner, output_folder))
        return
    if group is not None or owner is not None or output_folder is not None:
        raise _with_all("--group, --owner and --output-folder are for --all.")
    if id_ is None or output is None:
        raise _with_all("An ID and --output are missing.")
    require_writable(output, force=force)
    body = _request(destination, public_key, key_identifier)
    with working("Exporting"):
        made = server.post(path("keys", id_, "exports"), body)
    content = checked_file(made, key_identifier, destination)
    write_whole(output, content, what="transfer file", force=force)
    _read_back(output, content)
    line = import_line(made, output)
    document = {name: value for name, value in made.items() if name != "file"}
    document |= {"output": str(output), "import_command": line}
    out.facts(document, _export_rows(made), head=f"Exported to {output}")
    out.warn(made.get("warnings", []))
    out.say()
    out.say("Import it with:")
    out.say(f"  {line}")


@export.command("preview")
@click.argument("id_", metavar="ID")
@_request_options
@remote
def preview(server: "Server", out: Output, id_: str, destination: str, public_key: str, key_identifier: str) -> None:
    """Make every check that an export makes, and record nothing."""
    body = _request(destination, public_key, key_identifier)
    found = server.post(path("keys", id_, "exports", "preview"), body)
    out.facts(found, _export_rows(found), head="This export would be made.")
    out.warn(found.get("warnings", []))


@export.command("list")
@click.option("--key", metavar="ID", help="Only exports of this key.")
@limit_option
@remote
def list_exports(server: "Server", out: Output, limit: int | None, key: str | None) -> None:
    """List exports: who, when, which key version, under which key identifier."""
    columns = {
        "AT": "created_at",
        "KEY": "key",
        "VERSION": "version",
        "TO": "destination",
        "KEY IDENTIFIER": "key_identifier",
        "BY": "user_name",
        "FILE'S SHA-256": "sha256",
        "ID": "id",
    }
    place = "/exports" if key is None else path("keys", key, "exports")
    found = server.items(place, limit=limit)
    if not out.as_json:
        found = [each | {"key": each.get("key_name") or BLANK} for each in found]
    out.table(found, columns, none="There are no exports.")


@export.command("show")
@click.argument("id_", metavar="ID")
@remote
def show(server: "Server", out: Output, id_: str) -> None:
    """Show an export."""
    found = server.get(path("exports", id_))
    out.facts(found, _export_rows(found), head=f"Export {found.get('id')}")


def _with_all(detail: str) -> WrongUsage:
    return WrongUsage(detail, advice="Give ID and --output FILE, or --all with --group ID and --output-folder DIR.")


def _request(destination: str, public_key: str, key_identifier: str) -> dict[str, Any]:
    return {
        "destination": destination,
        "key_identifier": key_identifier,
        "public_key": read_public_key(public_key),
    }


def _read_back(output: Path, content: bytes) -> None:
    from keyferry.byok.transfer_file import read_transfer_file

    written = read_input(str(output), what="transfer file", field="output")
    read_transfer_file(written)
    if written != content:
        raise will_not_do(f"what stands in {output} now is not what was written")


def _export_rows(export: dict[str, Any]) -> dict[str, Any]:
    return {
        "Export": export.get("id"),
        "Key": f"{export.get('key_name') or BLANK} ({export.get('key_id')})",
        "Version": export.get("version"),
        "Key identifier": export.get("key_identifier"),
        "KEK's SPKI SHA-256": export.get("kek_sha256"),
        "KEK is": export.get("known_as"),
        "File's SHA-256": export.get("sha256"),
        "By": export.get("user_name"),
        "At": export.get("created_at"),
    }
