"""`keyferry customer-key request`: onboarding requests, from draft to answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.azure_sign_in import SignIn, signing_in
from keyferry.cli.choices import CUSTOMER_KEY_WORKLOADS
from keyferry.cli.customer_key_check import looking, workload_option
from keyferry.cli.failures import FAILED, Group
from keyferry.cli.files import read_input, require_writable, write_whole
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import limit_option, path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server
    from keyferry.cli.customer_key_records import Asked

_PLACE = "/customer-key-requests"
_CONTACTS_HELP = "The contact information: a TOML or JSON file, as docs/azure-byok.md shows."


@click.group("request", cls=Group)
def request() -> None:
    """Onboarding requests, from draft to answer."""


@request.command("draft")
@click.argument("keys", metavar="KEY1 KEY2", nargs=2)
@click.option("--contacts", metavar="FILE", required=True, help=_CONTACTS_HELP)
@workload_option
@click.option(
    "--subscription",
    "subscriptions",
    multiple=True,
    metavar="ID",
    help="The subscriptions of the two vaults, in order; else they are read from Azure.",
)
@click.option("--group", metavar="ID", help="The group that owns the request; else your default group.")
@click.option("--owner", metavar="USER", help="The user that owns the request.")
@signing_in
@remote
def draft(
    server: "Server",
    out: Output,
    sign_in: SignIn,
    keys: tuple[str, ...],
    contacts: str,
    workloads: tuple[str, ...],
    subscriptions: tuple[str, ...],
    group: str | None,
    owner: str | None,
) -> None:
    """Begin a request for two vault keys. Nothing is sent anywhere but to your server."""
    from keyferry.cli.customer_key_records import Records
    from keyferry.customer_key.contacts import read_contacts_file
    from keyferry.customer_key.workloads import workloads_named

    told = read_contacts_file(read_input(contacts, what="contact information", field="contacts"))
    records = Records(server, "")
    asked = [records.named(key) for key in keys]
    found = _subscriptions(sign_in, asked, subscriptions)
    body = {
        "organization_id": told.tenant_id,
        "workloads": [each.name for each in workloads_named(workloads)],
        "keys": [key.member | {"subscription_id": id_} for key, id_ in zip(asked, found, strict=True)],
        "contacts": told.document(),
        "group": group,
        "owner": owner,
    }
    made = server.post(_PLACE, body)
    out.facts(made, _rows(made), head="The request is drafted.")
    out.say()
    out.say("Check it with:")
    out.say(f"  keyferry customer-key request validate {made.get('id')}")


@request.command("list")
@limit_option
@remote
def list_requests(server: "Server", out: Output, limit: int | None) -> None:
    """List requests, and where each stands."""
    columns = {
        "ID": "id",
        "STATE": "state",
        "WORKLOADS": "workloads",
        "TENANT": "organization_id",
        "REFERENCE": "reference",
        "UPDATED": "updated_at",
    }
    out.table(server.items(_PLACE, limit=limit), columns, none="There are no requests.")


@request.command("show")
@click.argument("id_", metavar="ID")
@remote
def show(server: "Server", out: Output, id_: str) -> None:
    """Show a request: its keys, where it stands and stood, and what the last check found."""
    found = server.get(path(_PLACE[1:], id_))
    out.facts(found, _rows(found), head=f"Request {found.get('id')}")
    _show_history(out, found)
    _show_last_check(out, found)


@request.command("edit")
@click.argument("id_", metavar="ID")
@click.option("--contacts", metavar="FILE", help=_CONTACTS_HELP)
@click.option(
    "--workload",
    "workloads",
    type=click.Choice(CUSTOMER_KEY_WORKLOADS),
    multiple=True,
    help="What shall use the keys, in the place of what was said before.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="Other keys, in the place of both; with the --subscription of each.",
)
@click.option(
    "--subscription", "subscriptions", multiple=True, metavar="ID", help="The subscriptions of their vaults, in order."
)
@remote
def edit(
    server: "Server",
    out: Output,
    id_: str,
    contacts: str | None,
    workloads: tuple[str, ...],
    keys: tuple[str, ...],
    subscriptions: tuple[str, ...],
) -> None:
    """Change a request that is not with Microsoft. It is a draft again, to be validated anew."""
    from keyferry.cli.failures import WrongUsage
    from keyferry.customer_key.contacts import read_contacts_file
    from keyferry.customer_key.workloads import workloads_named

    change: dict[str, Any] = {}
    if contacts is not None:
        told = read_contacts_file(read_input(contacts, what="contact information", field="contacts"))
        change |= {"contacts": told.document(), "organization_id": told.tenant_id}
    if workloads:
        change["workloads"] = [each.name for each in workloads_named(workloads)]
    if keys or subscriptions:
        change["keys"] = _pair(server, keys, subscriptions)
    if not change:
        advice = "Give --contacts, --workload, or --key and --subscription, each of the two twice."
        raise WrongUsage("Nothing is given to change.", advice=advice)
    changed = server.patch(path(_PLACE[1:], id_), change)
    out.facts(changed, _rows(changed), head="The request is changed.")


@request.command("write")
@click.argument("id_", metavar="ID")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", required=True, help="File to write.")
@click.option("--legacy", is_flag=True, help="Write the data sheet of the FastTrack offer of 2019 to 2022 instead.")
@click.option("--older-module", is_flag=True, help="Write for versions up to 1.0.1 of the PowerShell module.")
@click.option("--force", is_flag=True, help="Write over an existing output.")
@remote
def write(server: "Server", out: Output, id_: str, output: Path, legacy: bool, older_module: bool, force: bool) -> None:
    """Write the PowerShell that a person runs to send the request: Validate first, then Enable."""
    from keyferry.cli.failures import WrongUsage
    from keyferry.customer_key.contacts import read_contacts
    from keyferry.customer_key.legacy import sheet
    from keyferry.customer_key.onboarding import script

    if legacy and older_module:
        raise WrongUsage("--legacy and --older-module exclude each other.", advice="Give one of them.")
    require_writable(output, force=force)
    found = server.get(path(_PLACE[1:], id_))
    made = onboarding_of(found)
    text = sheet(made, read_contacts(found["contacts"])) if legacy else script(made, older_module=older_module)
    write_whole(output, text.encode(), what="request", force=force)
    form = "fasttrack-sheet" if legacy else "powershell"
    out.facts({"output": str(output), "form": form, "state": found["state"]}, {}, head=f"Written to {output}")
    if found["state"] not in {"validated", "submitted", "accepted"}:
        out.warn([f"The request is {found['state']}: validate it before you send it."])
    out.say("Keyferry sends nothing to Microsoft. Record what came of it:")
    out.say(f"  keyferry customer-key request record {found['id']} --state submitted --reference TEXT")


@request.command("validate")
@click.argument("id_", metavar="ID")
@click.option("--accept-unseen", is_flag=True, help="Vouch for the required lines that could not be seen.")
@looking
@remote
def validate(
    server: "Server",
    out: Output,
    sign_in: SignIn,
    id_: str,
    accept_unseen: bool,
    principals: tuple[str, ...],
    legacy: bool,
) -> None:
    """Check a request's keys as they are in Azure, and mark it validated if nothing is against it."""
    from keyferry.cli.customer_key_validation import Checked, check_request, settle

    with sign_in.session() as session, working("Looking at Azure"):
        checked: Checked = check_request(server, session, id_, principals=principals, legacy=legacy)
    if not settle(server, out, checked, accept_unseen=accept_unseen):
        click.get_current_context().exit(FAILED)


@request.command("submit")
@click.argument("id_", metavar="ID")
@click.option("--stand-in", metavar="URL", required=True, help="An emulator's address; never Microsoft's service.")
@signing_in
@remote
def submit(server: "Server", out: Output, sign_in: SignIn, id_: str, stand_in: str) -> None:
    """Send a validated request to an emulator's stand-in for Microsoft's onboarding, and record its answer. The real
    service takes requests by its PowerShell cmdlet alone: see `write` and `record`.
    """
    from keyferry.cli.customer_key_submission import send

    if not send(server, out, sign_in, id_, stand_in):
        click.get_current_context().exit(FAILED)


@request.command("record")
@click.argument("id_", metavar="ID")
@click.option(
    "--state",
    type=click.Choice(["validated", "submitted", "accepted", "refused"]),
    required=True,
    help="Where it stands now.",
)
@click.option("--reference", metavar="TEXT", help="What Microsoft calls the request: its RequestID.")
@click.option("--note", metavar="TEXT", help="What else is to be known; kept in the audit log.")
@click.option(
    "--vouch",
    is_flag=True,
    help="State that you have checked it in Exchange Online PowerShell yourself; --note says what it answered.",
)
@remote
def record(
    server: "Server", out: Output, id_: str, state: str, reference: str | None, note: str | None, vouch: bool
) -> None:
    """Record what became of a request that a person has sent to Microsoft; or that it validates. That takes a check of
    the server's own, of the last day, that found nothing against it, or --vouch.
    """
    from keyferry.cli.failures import WrongUsage

    if state != "validated" and not reference:
        raise WrongUsage("--reference is missing.", advice="Give what Microsoft calls the request: its RequestID.")
    body = {"state": state, "reference": reference, "note": note, "vouched": True if vouch else None}
    found = server.post(path(_PLACE[1:], id_, "state"), body)
    out.facts(found, _rows(found), head=f"The request is {found.get('state')}.")
    if state == "accepted":
        _say_what_follows(out, found)


def onboarding_of(found: dict[str, Any]) -> Any:
    """The onboarding request that a request at the server says.

    Raises:
        InvalidInput: something in it will not do.
        Conflict: a key is not in its vault yet.
    """
    from keyferry.customer_key.onboarding import onboarding_request
    from keyferry.errors import Conflict

    pairs = []
    for key in found["keys"]:
        if key["identifier"] is None:
            detail = f"The key of deployment {key['deployment']} is not in its vault yet."
            raise Conflict(detail, code="deployment-not-imported", field="keys", advice="Finish the push first.")
        pairs.append((key["identifier"], key["subscription_id"]))
    return onboarding_request(found["organization_id"], tuple(found["workloads"]), tuple(pairs))


def _pair(server: "Server", keys: tuple[str, ...], subscriptions: tuple[str, ...]) -> list[dict[str, str]]:
    """The two keys of an edit, as REST takes them."""
    from keyferry.cli.customer_key_records import Records
    from keyferry.cli.failures import WrongUsage

    if (len(keys), len(subscriptions)) != (2, 2):
        raise WrongUsage(
            f"{len(keys)} keys and {len(subscriptions)} subscriptions are given; a Customer Key is a pair.",
            advice="Give --key twice, and --subscription twice in the same order.",
        )
    records = Records(server, "")
    return [records.named(key).member | {"subscription_id": id_} for key, id_ in zip(keys, subscriptions, strict=True)]


def _subscriptions(sign_in: SignIn, asked: "list[Asked]", given: tuple[str, ...]) -> list[str]:
    """The subscriptions of the keys' vaults: as given, else as Azure tells."""
    if given:
        from keyferry.cli.failures import WrongUsage

        if len(given) != len(asked):
            raise WrongUsage(
                f"{len(given)} subscriptions are given for {len(asked)} keys.", advice="Give --subscription twice."
            )
        return list(given)
    from keyferry.deployments.pair_reading import subscription_of

    with sign_in.session() as session, working("Looking at Azure"):
        return [subscription_of(session, key.reference) for key in asked]


def _rows(found: dict[str, Any]) -> dict[str, Any]:
    owner = found.get("owner") or {}
    rows = {
        "Request": found.get("id"),
        "State": found.get("state"),
        "Reference": found.get("reference"),
        "Tenant": found.get("organization_id"),
        "Workloads": found.get("workloads"),
        "Owner": owner.get("group") or owner.get("user"),
    }
    for number, key in enumerate(found.get("keys") or (), 1):
        place = key.get("identifier") or f"deployment {key.get('deployment')}, not in its vault yet"
        rows |= {f"Key {number}": place, f"Subscription {number}": key.get("subscription_id")}
    return rows


def _show_history(out: Output, found: dict[str, Any]) -> None:
    out.say()
    out.say("History:")
    for each in found.get("history") or ():
        more = [str(each[name]) for name in ("reference", "note") if each.get(name)]
        out.say("  " + "  ".join([str(each.get("at")), str(each.get("state")), *more]))


def _show_last_check(out: Output, found: dict[str, Any]) -> None:
    runs = found.get("checks") or []
    out.say()
    if not runs:
        out.say("It was not checked since it was last changed.")
        return
    lines = runs[-1].get("lines") or []
    out.say(f"Last check, {runs[-1].get('at')}: {len(lines)} lines")
    for line in lines:
        if line.get("outcome") != "passes":
            out.say(f"  {line.get('outcome')}  {line.get('subject')}: {line.get('wanted')} {line.get('found')}")


def _say_what_follows(out: Output, found: dict[str, Any]) -> None:
    from keyferry.customer_key.onboarding import policy_lines

    made = onboarding_of(found)
    out.say()
    out.say("The keys encrypt nothing yet. In PowerShell, with a name of your own for POLICY:")
    for workload in made.workloads:
        for line in policy_lines(made, workload):
            out.say(f"  {line}")
