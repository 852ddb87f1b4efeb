"""`keyferry azure connection`: sign-ins to Azure that the server holds, for members of groups."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.choices import AZURE_CLOUDS
from keyferry.cli.failures import Group, WrongUsage
from keyferry.cli.output import Output
from keyferry.cli.remote import limit_option, path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_MOST_CERTIFICATE_BYTES = 64 * 1024
_name = click.argument("name", metavar="NAME")
_vaults = click.option(
    "--vault", "vaults", metavar="URL", multiple=True, help="A vault that it may reach, https://HOST; give it again."
)
_groups = click.option(
    "--group", "groups", metavar="ID", multiple=True, help="A group whose members may use it; give it again."
)
_description = click.option("--description", metavar="TEXT", help="What it is for.")


def _credential_options(command: Callable[..., None]) -> Callable[..., None]:
    """How the server signs in."""
    options = [
        click.option("--client-secret-file", metavar="FILE", help="File with the client secret; - for stdin."),
        click.option(
            "--client-certificate-file", metavar="FILE.pem", help="A certificate and its private key, unencrypted."
        ),
        click.option("--managed-identity", is_flag=True, help="The identity that Azure gave the server's machine."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group("connection", cls=Group)
def connection() -> None:
    """Sign-ins to Azure that the server holds."""


@connection.command("create")
@_name
@click.option("--tenant", "tenant_id", metavar="ID", help="The tenant's id.")
@click.option("--client", "client_id", metavar="ID", help="The application's (client) id.")
@_credential_options
@_vaults
@_groups
@_description
@click.option(
    "--cloud", type=click.Choice(AZURE_CLOUDS), default=AZURE_CLOUDS[0], show_default=True, help="Which of Azure's."
)
@click.option("--cloud-file", metavar="FILE.json", help="Addresses of another cloud, such as an Azure Stack's.")
@remote
def create(
    server: "Server",
    out: Output,
    name: str,
    tenant_id: str | None,
    client_id: str | None,
    client_secret_file: str | None,
    client_certificate_file: str | None,
    managed_identity: bool,
    vaults: tuple[str, ...],
    groups: tuple[str, ...],
    description: str | None,
    cloud: str,
    cloud_file: str | None,
) -> None:
    """Make a connection. Its secret is kept encrypted, and no answer ever holds it."""
    credential = _credential(client_secret_file, client_certificate_file, managed_identity=managed_identity)
    if not credential:
        raise WrongUsage(
            "No credential was given.",
            advice="Give --client-secret-file, --client-certificate-file or --managed-identity.",
        )
    body = {
        "name": name,
        "description": description,
        "cloud": cloud if cloud_file is None else "custom",
        "endpoints": None if cloud_file is None else _endpoints(cloud_file),
        "tenant_id": tenant_id,
        "client_id": client_id,
        "vaults": list(vaults),
        "groups": list(groups),
        **credential,
    }
    made = server.post("/azure-connections", body)
    out.facts(made, _rows(made), head=f"Connection {made.get('name')} was made.")
    warnings = [] if groups else ["No group may use it yet: keyferry azure connection edit NAME --group ID"]
    out.warn(
        warnings if vaults else [*warnings, "It reaches no vault yet: keyferry azure connection edit NAME --vault URL"]
    )


@connection.command("list")
@limit_option
@remote
def list_connections(server: "Server", out: Output, limit: int | None) -> None:
    """List connections: all for Administrators and Auditors, those that one may use for others."""
    columns = {
        "NAME": "name",
        "CLOUD": "cloud",
        "CREDENTIAL": "credential",
        "VAULTS": "vaults",
        "GROUPS": "groups",
        "DISABLED": "disabled",
    }
    out.table(server.items("/azure-connections", limit=limit), columns, none="There are no connections.")


@connection.command("show")
@_name
@remote
def show(server: "Server", out: Output, name: str) -> None:
    """Show a connection, by id or name; never its secret."""
    found = server.get(path("azure-connections", name))
    out.facts(found, _rows(found), head=f"Connection {found.get('name')}")


@connection.command("edit")
@_name
@_credential_options
@_vaults
@click.option("--no-vaults", is_flag=True, help="Let it reach no vault.")
@_groups
@click.option("--no-groups", is_flag=True, help="Take it from every group.")
@_description
@click.option("--disable/--enable", "disabled", default=None, help="Take it out of use at once, or put it back.")
@remote
def edit(
    server: "Server",
    out: Output,
    name: str,
    client_secret_file: str | None,
    client_certificate_file: str | None,
    managed_identity: bool,
    vaults: tuple[str, ...],
    no_vaults: bool,
    groups: tuple[str, ...],
    no_groups: bool,
    description: str | None,
    disabled: bool | None,
) -> None:
    """Change a connection; --vault and --group replace all that were there."""
    _exclude("--vault and --no-vaults", bool(vaults), no_vaults)
    _exclude("--group and --no-groups", bool(groups), no_groups)
    body = {
        "vaults": [] if no_vaults else list(vaults) or None,
        "groups": [] if no_groups else list(groups) or None,
        "description": description or None,
        "disabled": disabled,
        **_credential(client_secret_file, client_certificate_file, managed_identity=managed_identity),
    }
    clear = ["description"] if description == "" else []
    changed = server.patch(path("azure-connections", name), body, clear=clear)
    out.facts(changed, _rows(changed), head=f"Connection {changed.get('name')} was changed.")


@connection.command("delete")
@_name
@remote
def delete(server: "Server", out: Output, name: str) -> None:
    """Delete a connection and its secret; the name is not used again."""
    server.delete(path("azure-connections", name))
    out.facts({"name": name, "deleted": True}, {}, head=f"Connection {name} was deleted.")


def _credential(secret_file: str | None, certificate_file: str | None, *, managed_identity: bool) -> dict[str, Any]:
    """The credential's member of a body; none when none was given.

    Raises:
        WrongUsage: more than one was given.
        CannotStart: a file cannot be read, or others can read it.
        InvalidInput: it holds no text.
    """
    if sum((secret_file is not None, certificate_file is not None, managed_identity)) > 1:
        raise WrongUsage(
            "Several credentials were given.",
            advice="Give one of --client-secret-file, --client-certificate-file and --managed-identity.",
        )
    if secret_file is not None:
        from keyferry.cli.secret_input import read_secret

        secret = read_secret(secret_file, what="client secret", field="client_secret_file")
        return {"client_secret": _text(secret.reveal(), "client_secret_file")}
    if certificate_file is not None:
        from keyferry.private_files import read_private

        content = read_private(
            Path(certificate_file),
            what="client certificate file",
            max_bytes=_MOST_CERTIFICATE_BYTES,
            code="file-refused",
            field="client_certificate_file",
        )
        return {"client_certificate": _text(content, "client_certificate_file")}
    return {"managed_identity": True} if managed_identity else {}


def _text(content: bytes, field: str) -> str:
    from keyferry.errors import InvalidInput

    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidInput(
            "The file holds something that is no ASCII text.", field=field, advice="Check that this is the file."
        ) from None


def _endpoints(file: str) -> dict[str, Any]:
    from keyferry.cli.files import read_input
    from keyferry.errors import InvalidInput

    try:
        found = json.loads(read_input(file, what="cloud's addresses", field="cloud_file"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidInput(
            f"{file} does not hold the addresses of a cloud.",
            field="cloud_file",
            advice="Write a JSON object with authority, resource_manager and vault_suffix.",
        )
    return {member: value for member, value in found.items() if member != "name"}


def _exclude(which: str, *given: bool) -> None:
    if all(given):
        raise WrongUsage(f"{which} exclude each other.", advice="Give one of them.")


def _rows(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Id": found.get("id"),
        "Description": found.get("description"),
        "Cloud": found.get("cloud"),
        "Tenant": found.get("tenant_id"),
        "Client": found.get("client_id"),
        "Credential": found.get("credential"),
        "Credential set": found.get("credential_set_at"),
        "Certificate's SHA-256": found.get("certificate_sha256"),
        "Certificate expires": found.get("certificate_expires_at"),
        "Vaults": found.get("vaults"),
        "Groups": found.get("groups"),
        "Disabled": found.get("disabled"),
    }
