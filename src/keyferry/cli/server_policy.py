"""`keyferry server-policy`: who may come in at all, of the whole server; and the way back in, on the server itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.choices import ROLES
from keyferry.cli.failures import Command, Group, WrongUsage
from keyferry.cli.local import home_option, settings_of
from keyferry.cli.output import Output
from keyferry.cli.remote import json_option, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_PATH = "/server-policy"
_networks = click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="A network, IPv4 or IPv6, that the server may be used from; may be repeated.",
)


@click.group("server-policy", cls=Group)
def server_policy() -> None:
    """Who may come in at all: from which networks, and with what."""


@server_policy.command("show")
@remote
def show(server: "Server", out: Output) -> None:
    """Show what the server's policy says."""
    found = server.get(_PATH)
    out.facts(found, _rows(found), head="The server's policy")


@server_policy.command("edit")
@_networks
@click.option("--any-network", is_flag=True, help="Admit every address.")
@click.option(
    "--second-factor-for",
    "roles",
    multiple=True,
    type=click.Choice(ROLES),
    help="A role whose people need a second factor to sign in; may be repeated.",
)
@click.option("--no-second-factor", is_flag=True, help="Require a second factor of no role.")
@click.option("--even-if-locked-out", is_flag=True, help="Do it although it would turn this very request away.")
@remote
def edit(
    server: "Server",
    out: Output,
    networks: tuple[str, ...],
    any_network: bool,
    roles: tuple[str, ...],
    no_second_factor: bool,
    even_if_locked_out: bool,
) -> None:
    """Change the server's policy; --network and --second-factor-for replace all that were there."""
    if networks and any_network:
        raise WrongUsage("--network and --any-network contradict each other.", advice="Give one of the two.")
    if roles and no_second_factor:
        raise WrongUsage(
            "--second-factor-for and --no-second-factor contradict each other.", advice="Give one of the two."
        )
    body = {
        "networks": list(networks) or None,
        "second_factor_roles": [] if no_second_factor else list(roles) or None,
        "even_if_locked_out": even_if_locked_out or None,
    }
    changed = server.patch(_PATH, body, clear=["networks"] if any_network else [])
    out.facts(changed, _rows(changed), head="The server's policy was changed.")


@server_policy.command("recover", cls=Command)
@home_option
@_networks
@click.option("--no-second-factor", is_flag=True, help="Require a second factor of no role any more, too.")
@json_option
def recover(home: Path | None, networks: tuple[str, ...], no_second_factor: bool, as_json: bool) -> None:
    """Let people in again, on the server's own machine: from every network, or from those that are named.

    It is done in the home's own database, also while the server runs, and is in the audit log.
    """
    from keyferry.api.models.server_policy import ServerPolicyAnswer
    from keyferry.custody.server_policy_row import recover_server_policy
    from keyferry.installation import open_installation

    installation = open_installation(settings_of(home))
    try:
        policy = recover_server_policy(
            installation.store, installation.sealer, networks or None, second_factors=not no_second_factor
        )
    finally:
        installation.close()
    document = ServerPolicyAnswer.of(policy).model_dump(mode="json")
    Output(as_json=as_json).facts(document, _rows(document), head="The server's policy was changed.")


def _rows(policy: dict[str, Any]) -> dict[str, Any]:
    networks = policy.get("networks")
    return {
        "Networks": "every address" if networks is None else networks or "none: nobody may come in",
        "Second factor for": policy.get("second_factor_roles") or "no role",
    }
