"""`keyferry factor`: second factors."""

from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.failures import Group, WrongUsage
from keyferry.cli.files import STANDARD_INPUT
from keyferry.cli.output import Output
from keyferry.cli.remote import path, remote
from keyferry.cli.sign_in_steps import read_code, show_codes, show_key

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_password_file = click.option(
    "--current-password-file",
    metavar="FILE",
    help="File with your present password; - for stdin; without it, a prompt.",
)
_code_file = click.option(
    "--current-code-file", metavar="FILE", help="File with a code of a factor that is set up, in place of the password."
)


@click.group("factor", cls=Group)
def factor() -> None:
    """Second factors beside the password."""


@factor.command("list")
@click.option("--user", metavar="NAME", help="Whose; one's own without it.")
@remote
def list_factors(server: "Server", out: Output, user: str | None) -> None:
    """List second factors, and how many recovery codes are left."""
    found = server.get("/factors", user=user)
    if out.as_json:
        out.facts(found, {})
        return
    columns = {"ID": "id", "NAME": "name", "KIND": "kind", "CREATED": "created_at", "LAST USED": "last_used_at"}
    out.table(found.get("items", []), columns, none="There is no second factor.")
    out.say(f"Recovery codes left: {found.get('recovery_codes_left')}")


@factor.command("add-totp")
@click.argument("name", metavar="NAME")
@click.option("--code-file", metavar="FILE", help="File with the app's first code; - for stdin; without it, a prompt.")
@_password_file
@_code_file
@remote
def add_totp(
    server: "Server",
    out: Output,
    name: str,
    code_file: str | None,
    current_password_file: str | None,
    current_code_file: str | None,
) -> None:
    """Set up an authenticator app: its key is shown, and its first code asked for. NAME is the device's."""
    proof = _proof(current_password_file, current_code_file, code_file)
    new = server.post("/factors/enrolment", {"kind": "totp"})["totp"]
    show_key(new)
    body = {"name": name, "enrolment": new["enrolment"], "code": read_code(code_file), **proof}
    made = server.post("/factors", body)
    rows = {"Id": made.get("id"), "Kind": made.get("kind"), "Created": made.get("created_at")}
    out.facts(made, rows, head=f"{name} is set up.")
    show_codes(out, made.get("recovery_codes", []))


@factor.command("remove")
@click.argument("id_", metavar="ID")
@_password_file
@_code_file
@remote
def remove(
    server: "Server", out: Output, id_: str, current_password_file: str | None, current_code_file: str | None
) -> None:
    """Take a second factor of one's own away; with the last one the recovery codes go."""
    gone = server.post(path("factors", id_, "remove"), _proof(current_password_file, current_code_file))
    out.facts(gone, {}, head=f"{gone.get('name')} was removed.")


@factor.command("recovery-codes")
@_password_file
@_code_file
@remote
def recovery_codes(
    server: "Server", out: Output, current_password_file: str | None, current_code_file: str | None
) -> None:
    """Make new recovery codes; those before them are good no more."""
    made = server.post("/factors/recovery-codes", _proof(current_password_file, current_code_file))
    if out.as_json:
        out.facts(made, {})
    show_codes(out, made.get("recovery_codes", []))


@factor.command("reset")
@click.argument("user", metavar="USER")
@remote
def reset(server: "Server", out: Output, user: str) -> None:
    """Take all second factors of another's account away; for Administrators."""
    changed = server.post(path("users", user, "reset-factors"))
    head = f"The second factors of {changed.get('name')} were taken away; their sessions and tokens have ended."
    out.facts(changed, {}, head=head)


def _proof(password_file: str | None, code_file: str | None, other_file: str | None = None) -> dict[str, Any]:
    """The present password, or a code in its place."""
    from keyferry.cli.secret_input import read_password

    given = [file for file in (password_file, code_file, other_file) if file == STANDARD_INPUT]
    if len(given) > 1:
        raise WrongUsage("Only one of them can come from standard input.", advice="Give the others in files.")
    if code_file is not None:
        return {"current_code": read_code(code_file, "current_code_file")}
    return {"current_password": read_password(password_file, field="current_password_file")}
