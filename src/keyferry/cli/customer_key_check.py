"""`keyferry customer-key check`: whether two vault keys can become a Customer Key."""

from collections.abc import Callable
from typing import Any

import click

from keyferry.cli.azure_sign_in import SignIn, signing_in
from keyferry.cli.choices import CUSTOMER_KEY_WORKLOADS
from keyferry.cli.failures import FAILED, Command
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import json_option, profile_option

workload_option = click.option(
    "--workload",
    "workloads",
    type=click.Choice(CUSTOMER_KEY_WORKLOADS),
    multiple=True,
    required=True,
    help="What shall use the keys; may be given several times.",
)


def looking(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that runs the checks."""
    options = [
        click.option(
            "--principal",
            "principals",
            multiple=True,
            metavar="WORKLOAD=OBJECT-ID",
            help="A workload's service principal in your tenant, if Microsoft Graph does not show it; or onboarding=.",
        ),
        click.option("--legacy", is_flag=True, help="Judge as for the FastTrack offer of 2019 to 2022."),
    ]
    for option in reversed(options):
        command = option(command)
    return signing_in(command)


@click.command("check", cls=Command)
@click.argument("first", metavar="KEY1")
@click.argument("second", metavar="KEY2")
@workload_option
@looking
@click.option("--organization", metavar="TENANT-ID", help="The Microsoft 365 tenant, to compare the vaults' with.")
@profile_option
@json_option
def check(
    sign_in: SignIn,
    first: str,
    second: str,
    workloads: tuple[str, ...],
    principals: tuple[str, ...],
    legacy: bool,
    organization: str | None,
    profile: str,
    as_json: bool,
) -> None:
    """Check a pair of vault keys against all that onboarding wants.

    KEY1 and KEY2 are key identifiers (https://HOST/keys/NAME, with or without a version), ids of deployments, or keys
    of Keyferry's that are in one vault each. It reads only. Without a server to ask, whether backups were taken cannot
    be seen.
    """
    from keyferry import clock
    from keyferry.cli.customer_key_lines import show_lines
    from keyferry.cli.customer_key_records import records
    from keyferry.customer_key.checks import check as judge
    from keyferry.customer_key.identifiers import is_key_url
    from keyferry.customer_key.lines import Verdict, verdict
    from keyferry.customer_key.principals import read_principals
    from keyferry.customer_key.workloads import workloads_named
    from keyferry.deployments.pair_reading import read_pair

    chosen, given = workloads_named(workloads), read_principals(principals)
    organization_id = guid(organization, "organization")
    needed = not (is_key_url(first) and is_key_url(second))
    with records(profile, needed=needed) as known, sign_in.session() as session:
        sides = (known.side(session, known.named(first)), known.side(session, known.named(second)))
        with working("Looking at Azure"):
            pair = read_pair(*sides, workloads=chosen, principals=given, organization_id=organization_id)
    lines = judge(pair, chosen, now=clock.now() // clock.SECOND, legacy=legacy)
    show_lines(Output(as_json=as_json), pair, chosen, lines)
    if verdict(lines) is Verdict.NOT_READY:
        click.get_current_context().exit(FAILED)


def guid(text: Any, field: str) -> str | None:
    """A GUID in lower case; None for None.

    Raises:
        InvalidInput: it is none.
    """
    from keyferry.errors import InvalidInput
    from keyferry.ids import is_id_shaped

    if text is None or is_id_shaped(text):
        return None if text is None else str(text).lower()
    advice = "Give it as 11111111-2222-3333-4444-555555555555."
    raise InvalidInput("That is no GUID.", field=field, advice=advice)
