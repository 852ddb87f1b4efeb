"""`keyferry azure status`: what is where, and whether it still is what we hold."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.azure_sign_in import SignIn, signing_in
from keyferry.cli.failures import Command
from keyferry.cli.output import BLANK, Output
from keyferry.cli.progress import working
from keyferry.cli.remote import path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server
    from keyferry.clouds.azure.session import AzureSession

_ARRIVED = ("imported", "read-back", "proved")


@click.command("status", cls=Command)
@click.argument("key", metavar="KEY", required=False)
@signing_in
@remote
def status(server: "Server", out: Output, azure: SignIn, key: str | None) -> None:
    """Look into the vaults: which version is there, enabled, until when, and what differs from what we hold.

    What was seen is recorded. The exit code is 1 where anything differs.
    """
    place = "/deployments" if key is None else path("keys", key, "deployments")
    deployments = [each for each in server.items(place) if each["abandoned_at"] is None]
    with azure.session() as session, working("Looking into the vaults"):
        seen = [_look(server, session, each, deployments) for each in deployments]
    columns = {
        "KEY": "key",
        "VERSION": "version",
        "VAULT": "vault",
        "NAME": "name",
        "STEP": "step",
        "ENABLED": "enabled",
        "EXPIRES": "expires",
        "RECOVERY": "recovery_level",
        "DRIFT": "drift",
    }
    out.table(seen if out.as_json else [_row(each) for each in seen], columns, none="Nothing was pushed.")
    drifts = [told for each in seen for told in (each.get("observed") or {}).get("drift", [])]
    if not out.as_json:
        for drift in drifts:
            out.say(f"{drift['detail']} {drift['advice']}")
    if drifts:
        click.get_current_context().exit(1)


def _look(
    server: "Server", session: "AzureSession", deployment: Mapping[str, Any], others: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """The deployment after a look: by the server where it has the connection, else from here."""
    if deployment["step"] not in _ARRIVED:
        return deployment
    target = path("deployments", str(deployment["id"]), "observations")
    if deployment["connection"] is not None:
        found: Mapping[str, Any] = server.post(target)
        return found
    from keyferry.cli.azure_ledger import held_of
    from keyferry.clouds.azure.vault import AzureVault
    from keyferry.deployments.drift import Expected, version_of
    from keyferry.deployments.observing import observe

    siblings = [
        each
        for each in others
        if each["id"] != deployment["id"]
        and each["remote_identifier"] is not None
        and (each["vault"], each["name"], each["key_id"])
        == (deployment["vault"], deployment["name"], deployment["key_id"])
    ]
    expected = Expected(
        held=held_of(server, deployment),
        name=str(deployment["name"]),
        identifier=str(deployment["remote_identifier"]),
        operations=tuple(deployment["operations"]),
        other_versions=frozenset(version_of(str(each["remote_identifier"])) for each in siblings),
        superseded=any(int(each["version"]) > int(deployment["version"]) for each in siblings),
        recovery_level=deployment["evidence"].get("read-back", {}).get("recovery_level"),
    )
    observed, _ = observe(AzureVault(session, str(deployment["vault"])), expected)
    told: Mapping[str, Any] = server.post(target, {"observed": observed})
    return told


def _row(deployment: Mapping[str, Any]) -> dict[str, Any]:
    from keyferry.deployments.drift import moment

    seen = deployment.get("observed") or {}
    expires = seen.get("expires")
    return {
        "key": deployment["key_name"] or BLANK,
        "version": deployment["version"],
        "vault": deployment["vault"],
        "name": deployment["name"],
        "step": deployment["step"],
        "enabled": seen.get("enabled"),
        "expires": "never" if seen and expires is None else (None if expires is None else moment(int(expires))),
        "recovery_level": seen.get("recovery_level"),
        "drift": ", ".join(each["difference"] for each in seen.get("drift", [])) or "none",
    }
