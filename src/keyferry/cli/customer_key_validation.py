"""Checks a request's keys, keeps what was found, and marks the request accordingly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyferry import clock
from keyferry.cli.customer_key_lines import show_lines
from keyferry.cli.customer_key_records import Asked, Records
from keyferry.cli.output import Output
from keyferry.cli.remote import path
from keyferry.customer_key.checks import check
from keyferry.customer_key.lines import Line, Outcome, Verdict, Weight, verdict
from keyferry.customer_key.pair import Pair
from keyferry.customer_key.principals import read_principals
from keyferry.customer_key.workloads import Workload, workloads_named
from keyferry.deployments.pair_reading import read_pair
from keyferry.errors import Conflict

if TYPE_CHECKING:
    from keyferry.cli.connection import Server
    from keyferry.clouds.azure.session import AzureSession


@dataclass(frozen=True, slots=True)
class Checked:
    """A request as REST answers it, and the check of its keys."""

    request: dict[str, Any]
    pair: Pair
    workloads: tuple[Workload, ...]
    lines: tuple[Line, ...]


def check_request(
    server: "Server", session: "AzureSession", id_: str, *, principals: Sequence[str], legacy: bool
) -> Checked:
    """Read both keys as they are, and judge them.

    Raises:
        Conflict: (`state-transition-refused`) the request lies with Microsoft, or was accepted.
        KeyferryError: nothing can be looked at.
    """
    found = server.get(path("customer-key-requests", id_))
    if found["state"] in {"submitted", "accepted"}:
        raise Conflict(
            f"The request is {found['state']}: validating it changes nothing any more.",
            code="state-transition-refused",
            field="id",
            advice="Check its keys with `keyferry customer-key check`; once it is refused, validate it again.",
        )
    records, workloads = Records(server, ""), workloads_named(tuple(found["workloads"]))
    first, second = (
        records.side(session, _asked(records, key), named_subscription=key["subscription_id"]) for key in found["keys"]
    )
    pair = read_pair(
        first,
        second,
        workloads=workloads,
        principals=read_principals(principals),
        organization_id=found["organization_id"],
    )
    return Checked(found, pair, workloads, check(pair, workloads, now=clock.now() // clock.SECOND, legacy=legacy))


def settle(server: "Server", out: Output, checked: Checked, *, accept_unseen: bool) -> bool:
    """Keep the lines, and mark the request: validated if it may be, a draft again if it was and may not; whether it is.

    Required lines that could not be seen are no pass: they stand in the way until a person vouches for them, which is
    kept with the request.
    """
    id_ = checked.request["id"]
    kept = server.post(path("customer-key-requests", id_, "checks"), {"lines": [line.told() for line in checked.lines]})
    found = verdict(checked.lines)
    hidden = [each for each in checked.lines if each.weight is Weight.REQUIRED and each.outcome is Outcome.UNSEEN]
    valid = found is Verdict.READY or (found is Verdict.UNSEEN and accept_unseen)
    note = f"{len(hidden)} required lines could not be seen; they were vouched for." if valid and hidden else None
    word = "Checked with a sign-in of the caller's own: keyferry customer-key request validate." + (
        f" {note}" if note else ""
    )
    show_lines(out, checked.pair, checked.workloads, checked.lines)
    _mark(server, kept, valid=valid, word=word)
    if valid:
        out.say("The request is validated." + (f" {note}" if note else ""))
        out.say("Write it with:")
        out.say(f"  keyferry customer-key request write {id_} --output customer-key.ps1")
    elif found is Verdict.UNSEEN:
        out.say("The request is a draft. If somebody has looked at these lines, repeat this with --accept-unseen.")
    else:
        out.say("The request is a draft. Set right what fails, then validate it again.")
    return valid


def _mark(server: "Server", kept: dict[str, Any], *, valid: bool, word: str) -> None:
    """The server has seen nothing of it itself: it is told as the word of the person whose sign-in looked."""
    wanted = ("draft", "validated") if valid and kept["state"] == "refused" else ("validated" if valid else "draft",)
    for state in wanted:
        if kept["state"] != state:
            # At the revision that the lines were kept at, so that no edit comes between them and the mark.
            body = {"state": state} | ({"note": word, "vouched": True} if state == "validated" else {})
            kept = server.post(path("customer-key-requests", kept["id"], "state"), body, revision=kept["revision"])


def _asked(records: Records, key: dict[str, Any]) -> Asked:
    return records.named(key["deployment"] or key["identifier"])
