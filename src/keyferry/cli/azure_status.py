"""`keyferry azure status`: what is where, and whether it still is what we hold."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.azure_places import Deployment, Looker, arrived, drift_of, key_title, own_sign_in_option, where
from keyferry.cli.azure_sign_in import SignIn, signing_in
from keyferry.cli.failures import Command, WrongUsage
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import path, remote
from keyferry.errors import KeyferryError

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_COLUMNS = {
    "KEY": "key",
    "VERSION": "version",
    "VAULT": "vault",
    "NAME": "name",
    "STEP": "step",
    "ENABLED": "enabled",
    "EXPIRES": "expires",
    "RECOVERY": "recovery_level",
    "BACKED UP": "backed_up",
    "DRIFT": "drift",
}


@click.command("status", cls=Command)
@click.argument("key", metavar="[KEY]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every key, as without KEY.")
@click.option("--connection", metavar="NAME", help="Only what is pushed through this connection.")
@own_sign_in_option
@signing_in
@remote
def status(
    server: "Server",
    out: Output,
    azure: SignIn,
    key: str | None,
    everything: bool,
    connection: str | None,
    own_sign_in: bool,
) -> None:
    """See what is where, and whether it still is what we hold.

    Every vault is looked into, by the server where a key was pushed through a connection, and what is seen is recorded.
    Ends with 1 where something differs from what we hold, or cannot be seen.
    """
    if key is not None and everything:
        raise WrongUsage("KEY and --all exclude each other.", advice="Give one of them.")
    known = server.items("/deployments" if key is None else path("keys", key, "deployments"))
    wanted = [
        each
        for each in known
        if each["abandoned_at"] is None and (connection is None or each["connection"] == connection)
    ]
    with Looker(server, azure, own_sign_in=own_sign_in) as looker, working("Looking into the vaults"):
        seen = [_seen(looker, each, known) for each in wanted]
    out.table(seen if out.as_json else list(map(_row, seen)), _COLUMNS, none="Nothing was pushed.")
    for each in seen:
        _tell(out, each)
    if any(drift_of(each) or "unseen" in each for each in seen):
        click.get_current_context().exit(1)


def _seen(looker: Looker, deployment: Deployment, known: Sequence[Deployment]) -> Deployment:
    """The deployment after a look; as it was last seen, and with `unseen`, where nobody could look."""
    if not arrived(deployment):
        return deployment
    try:
        return looker.look(deployment, known)
    except KeyferryError as refusal:
        told = {"code": refusal.code, "detail": refusal.detail, "advice": refusal.advice}
        return {**deployment, "unseen": told}


def _row(deployment: Deployment) -> dict[str, Any]:
    seen = {} if "unseen" in deployment else deployment.get("observed") or {}
    return {
        "key": key_title(deployment),
        "version": deployment["version"],
        "vault": deployment["vault"],
        "name": deployment["name"],
        "step": deployment["step"],
        "enabled": seen.get("enabled"),
        "expires": _expires(seen),
        "recovery_level": seen.get("recovery_level"),
        "backed_up": (deployment.get("backup") or {}).get("taken_at"),
        "drift": _drift(deployment),
    }


def _expires(seen: Mapping[str, Any]) -> str | None:
    from keyferry.deployments.drift import moment

    if not seen.get("present"):
        return None
    return "never" if seen.get("expires") is None else moment(int(seen["expires"]))


def _drift(deployment: Deployment) -> str | None:
    if "unseen" in deployment:
        return "not seen"
    if not arrived(deployment):
        return None
    return ", ".join(each["difference"] for each in drift_of(deployment)) or "none"


def _tell(out: Output, deployment: Deployment) -> None:
    """What a table has no room for: each difference, what could not be seen, and what stopped a push."""
    head = f"{key_title(deployment)}, version {deployment['version']}, {where(deployment)}"
    told = [*_unseen(deployment), *drift_of(deployment)]
    if deployment["live"]:
        problem = deployment.get("problem") or {"detail": f"The push has come as far as {deployment['step']}."}
        resume = f"Go on with: keyferry azure push --resume {deployment['id']}"
        told = [*told, {"detail": problem["detail"], "advice": " ".join(filter(None, (problem.get("advice"), resume)))}]
    for each in told:
        out.say()
        out.say(f"{head}:")
        out.say(f"  {each['detail']}")
        if each.get("advice"):
            out.say(f"  {each['advice']}")


def _unseen(deployment: Deployment) -> list[Mapping[str, Any]]:
    """Why nobody could look, and what follows it: what the last look found."""
    if "unseen" not in deployment:
        return []
    last = deployment.get("observed")
    if last is None:
        return [deployment["unseen"]]
    found = "with these differences" if drift_of(deployment) else "and differed in nothing"
    return [deployment["unseen"], {"detail": f"It was last seen at {last['at']}, {found}."}]
