"""`keyferry certificate`: client certificates, issued or one's own."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.client_authorities import authority
from keyferry.cli.failures import Group, WrongUsage
from keyferry.cli.files import read_input, require_writable, write_whole
from keyferry.cli.output import Output
from keyferry.cli.remote import limit_option, path, remote
from keyferry.cli.tokens import Lifetime

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_COLUMNS = {
    "ID": "id",
    "NAME": "name",
    "ORIGIN": "origin",
    "FINGERPRINT": "fingerprint",
    "UNTIL": "expires_at",
    "LAST USED": "last_used_at",
    "REVOKED": "revoked_at",
}

user_option = click.option("--user", metavar="NAME", help="Whose; one's own without it.")


@click.group("certificate", cls=Group)
def certificate() -> None:
    """Client certificates, to come in with."""


@certificate.command("create")
@click.argument("name", metavar="NAME")
@user_option
@click.option("--lifetime", type=Lifetime(), metavar="SPAN", default="365d", show_default=True, help="Such as 90d.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pkcs12", "pem"]),
    default="pkcs12",
    show_default=True,
    help="Of the file with the private key.",
)
@click.option(
    "--key-type", type=click.Choice(["ec-p256", "rsa-3072"]), default="ec-p256", show_default=True, help="Of the key."
)
@click.option(
    "--password-file",
    metavar="FILE",
    help="File with a password for the file; - for stdin; for pkcs12, without it, a prompt.",
)
@click.option(
    "--request", metavar="FILE", help="A certificate signing request, PEM: its private key stays where it is."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="A new file that only you can read, for the certificate and its private key.",
)
@remote
def create(
    server: "Server",
    out: Output,
    name: str,
    user: str | None,
    lifetime: int,
    form: str,
    key_type: str,
    password_file: str | None,
    request: str | None,
    output: Path,
) -> None:
    """Have a certificate issued; its private key is given out once."""
    from keyferry.cli.secret_input import read_password

    if request is not None and password_file is not None:
        raise WrongUsage("With a request there is no private key to encrypt.", advice="Leave --password-file out.")
    require_writable(output, force=False)
    body: dict[str, Any] = {"name": name, "lifetime_seconds": lifetime}
    if request is not None:
        body["request"] = _text(request, "request")
    else:
        body |= {"format": form, "key_type": key_type}
        if form == "pkcs12" or password_file is not None:
            body["password"] = read_password(password_file, field="password_file", confirm=True)
    made = server.post(path("users", _whose(server, user), "certificates"), body)
    content = made.pop("file")
    write_whole(output, base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)), what="certificate", force=False)
    rows = {"Id": made.get("id"), "Fingerprint": made.get("fingerprint"), "Until": made.get("expires_at")}
    out.facts(made, {**rows, "File": output}, head=f"Certificate {name} was issued.")


@certificate.command("upload")
@click.argument("name", metavar="NAME")
@click.argument("file", metavar="FILE")
@user_option
@click.option("--lifetime", type=Lifetime(), metavar="SPAN", help="End it here before its own end.")
@remote
def upload(server: "Server", out: Output, name: str, file: str, user: str | None, lifetime: int | None) -> None:
    """Bring a certificate of one's own: PEM, without its private key."""
    body = {"name": name, "certificate": _text(file, "file"), "lifetime_seconds": lifetime}
    made = server.post(path("users", _whose(server, user), "certificates"), body)
    rows = {"Id": made.get("id"), "Fingerprint": made.get("fingerprint"), "Until": made.get("expires_at")}
    out.facts(made, rows, head=f"Certificate {name} was taken.")


@certificate.command("list")
@user_option
@limit_option
@remote
def list_certificates(server: "Server", out: Output, user: str | None, limit: int | None) -> None:
    """List certificates, revoked and expired ones included."""
    found = server.items(path("users", _whose(server, user), "certificates"), limit=limit)
    out.table(found, _COLUMNS, none="There are no certificates.")


@certificate.command("show")
@click.argument("id_", metavar="ID")
@remote
def show(server: "Server", out: Output, id_: str) -> None:
    """Show a certificate."""
    found = server.get(path("certificates", id_))
    rows = {
        "Name": found.get("name"),
        "Origin": found.get("origin"),
        "Subject": found.get("subject"),
        "Issuer": found.get("issuer"),
        "Serial": found.get("serial"),
        "Key": found.get("key_type"),
        "Fingerprint": found.get("fingerprint"),
        "From": found.get("not_before"),
        "Until": found.get("expires_at"),
        "Last used": found.get("last_used_at") or "never",
        "Revoked": found.get("revoked_at"),
    }
    out.facts(found, rows)


@certificate.command("revoke")
@click.argument("id_", metavar="ID")
@remote
def revoke(server: "Server", out: Output, id_: str) -> None:
    """End a certificate at once, with every session and token that it began."""
    server.delete(path("certificates", id_))
    out.facts({"id": id_, "revoked": True}, {}, head=f"Certificate {id_} is revoked.")


certificate.add_command(authority)


def _whose(server: "Server", user: str | None) -> str:
    return user or str(server.get("/sessions/current")["user"]["id"])


def _text(file: str, field: str) -> str:
    """A PEM file as text. One that holds a private key is refused here, so that it is never sent.

    Raises:
        InvalidInput: (`certificate-refused`) it holds a private key, or is no text.
    """
    from keyferry.errors import InvalidInput

    data = read_input(file, what="certificate", field=field)
    if b"PRIVATE KEY" in data or not data.isascii():
        raise InvalidInput(
            f"{file} holds a private key, or is no PEM. It was not sent.",
            code="certificate-refused",
            field=field,
            advice="Give a file with the PEM of the certificate, or of the request, alone.",
        )
    return data.decode("ascii")
