"""`keyferry login`, `logout` and `whoami`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyferry.cli.failures import Command, WrongUsage
from keyferry.cli.output import Output
from keyferry.cli.remote import json_option, profile_option, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server
    from keyferry.cli.profiles import Profile


@click.command("login", cls=Command)
@click.option("--server", metavar="URL", required=True, help="The server's address, such as https://127.0.0.1:8420.")
@click.option("--user", "name", metavar="NAME", help="Who signs in, with a password.")
@click.option("--password-file", metavar="FILE", help="File with the password; - for stdin; without it, a prompt.")
@click.option(
    "--code-file", metavar="FILE", help="File with a code of the second factor, if there is one; without it, a prompt."
)
@click.option(
    "--new-password-file",
    metavar="FILE",
    help="File with a password of one's own, where the present one is good for that alone; without it, a prompt.",
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="PEM file of the server's CA: tls/ca.pem in its home; found by itself when that is on this machine.",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="PEM file of a client certificate, in place of a password; the URL is then that of --listen-mtls.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="PEM file of its private key; the same file without it.",
)
@profile_option
@json_option
def login(
    server: str,
    name: str | None,
    password_file: str | None,
    code_file: str | None,
    new_password_file: str | None,
    ca_file: Path | None,
    certificate: Path | None,
    key: Path | None,
    profile: str,
    as_json: bool,
) -> None:
    """Sign in and keep the token in a profile."""
    from keyferry.cli.connection import Server, checked_address
    from keyferry.cli.profiles import Profile, path_of, read_ca, save_profile
    from keyferry.cli.secret_input import read_password
    from keyferry.cli.sign_in_steps import Answers, complete, show_codes
    from keyferry.material.secret import Secret

    path_of(profile)
    address = checked_address(server)
    trusted = ca_file or _local_ca(address)
    ca = None if trusted is None else read_ca(trusted, "ca_file")
    if certificate is not None:
        if name is not None or password_file is not None:
            raise WrongUsage(
                "A certificate says by itself who comes with it.", advice="Leave --user and --password-file out."
            )
        files = (certificate.absolute(), (key or certificate).absolute())
        _come_with_certificate(Profile(profile, address, None, None, None, ca, *files), Output(as_json=as_json))
        return
    if name is None or key is not None:
        raise WrongUsage("Nobody is named to sign in.", advice="Give --user NAME, or --certificate FILE.")
    password = read_password(password_file, field="password_file")
    with Server(Profile(profile, address, None, name, ca=ca)) as door:
        answer = door.post("/sessions", {"user_name": name, "password": password})
        session = complete(door, answer, Answers(code_file, new_password_file))
    token = Secret(session.pop("token").encode("ascii"))
    path = save_profile(Profile(profile, address, token, name, session.get("expires_at"), ca))
    out = Output(as_json=as_json)
    rows = {"Profile": str(path), "Server": address, "Until": session.get("expires_at")}
    out.facts({"profile": profile, "server": address, **session}, rows, head=f"Signed in as {name}.")
    show_codes(out, session["recovery_codes"])
    out.warn(session.get("notices", []))


def _come_with_certificate(profile: "Profile", out: Output) -> None:
    from dataclasses import replace

    from keyferry.cli.connection import Server
    from keyferry.cli.profiles import save_profile

    with Server(profile) as door:
        session = door.get("/sessions/current")
    name = session.get("user", {}).get("name")
    path = save_profile(replace(profile, user=name, expires_at=session.get("expires_at")))
    rows = {"Profile": str(path), "Server": profile.server, "Until": session.get("expires_at")}
    head = f"Requests come as {name}, with the certificate {session.get('certificate_name')}."
    out.facts({"profile": profile.name, "server": profile.server, **session}, rows, head=head)


@click.command("logout", cls=Command)
@profile_option
def logout(profile: str) -> None:
    """End the session and remove the profile."""
    from keyferry.cli.connection import Server, ServerRefused
    from keyferry.cli.profiles import load_profile, remove_profile

    signed_in = load_profile(profile, own_token=True)
    try:
        if signed_in.certificate_file is None:
            with Server(signed_in) as server:
                server.delete("/sessions")
    except ServerRefused as refused:
        if refused.code != "not-authenticated":  # then the session had ended already
            raise
    finally:
        remove_profile(profile)
    Output(as_json=False).say(f"Signed out; the profile {profile} is removed.")


@click.command("whoami", cls=Command)
@remote
def whoami(server: "Server", out: Output) -> None:
    """Show who is signed in, where, and until when."""
    session = server.get("/sessions/current")
    user = session.get("user", {})
    rows = {
        "User": user.get("name"),
        "Role": user.get("role"),
        "Groups": user.get("groups"),
        "Default group": user.get("default_group"),
        "Server": server.profile.server,
        "Certificate": session.get("certificate_name"),
        "Until": session.get("expires_at"),
    }
    out.facts(session, rows)


def _local_ca(address: str) -> Path | None:
    """The CA file of a home on this machine, for a server on it."""
    from urllib.parse import urlsplit

    from keyferry.cli.connection import is_loopback
    from keyferry.config.sources import resolve_home

    parts = urlsplit(address)
    candidate = resolve_home() / "tls" / "ca.pem"
    local = parts.scheme == "https" and parts.hostname is not None and is_loopback(parts.hostname)
    return candidate if local and candidate.is_file() else None
