"""`keyferry admin`: the way back in for an Administrator. For the machine that holds the home."""

from pathlib import Path

import click

from keyferry.cli.failures import Command, Group
from keyferry.cli.local import home_option, settings_of
from keyferry.cli.output import Output
from keyferry.cli.remote import json_option


@click.group("admin", cls=Group)
def admin() -> None:
    """The way back in when no Administrator can sign in."""


@admin.command("recover", cls=Command)
@click.argument("name", metavar="NAME")
@home_option
@click.option("--password-file", metavar="FILE", help="File with the new password; - for stdin; without it, a prompt.")
@json_option
def recover(name: str, home: Path | None, password_file: str | None, as_json: bool) -> None:
    """Give an Administrator a password and take their second factors away; make one of that name if there is none."""
    settings = settings_of(home)
    from keyferry.cli.secret_input import read_secret
    from keyferry.custody.recovery import recover_administrator
    from keyferry.identity.hashing import PasswordHashing
    from keyferry.installation import open_installation

    password = read_secret(password_file, what="password", field="password_file", confirm=True)
    password_hash = PasswordHashing(settings.hash_queue).prepare(password, name)
    installation = open_installation(settings)
    try:
        recovered = recover_administrator(installation.store, installation.sealer, name, password_hash)
    finally:
        installation.close()
    document = {
        "name": recovered.user.name,
        "made": recovered.is_new,
        "second_factors_removed": recovered.factors,
        "networks_removed": recovered.had_networks,
    }
    what = "was made" if recovered.is_new else "can sign in with the new password"
    rows = {
        "Second factors": f"{recovered.factors} taken away" if recovered.factors else None,
        "Networks": "the account's list was removed" if recovered.had_networks else None,
    }
    out = Output(as_json=as_json)
    out.facts(document, rows, head=f"The Administrator {recovered.user.name} {what}.")
    out.say("It is in the audit log, and every Administrator is told at the next sign-in.")
