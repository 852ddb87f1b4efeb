"""Sends a validated request to an emulator's stand-in for the onboarding service, and records what it answers.

1. `Validate` for every workload; it changes nothing over there. 2. The request is recorded as submitted, so that
nothing is enabled that is not on record. 3. `Enable` for every workload. 4. The answer is recorded. Broken off, it can
be run again: it begins anew with `Validate`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keyferry.cli.azure_sign_in import SignIn
from keyferry.cli.customer_key_requests import onboarding_of
from keyferry.cli.customer_key_stand_in import Answer, StandIn
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import path
from keyferry.customer_key.contacts import Contacts, read_contacts
from keyferry.customer_key.onboarding import Mode, OnboardingRequest, policy_lines, stand_in_body
from keyferry.errors import Conflict

if TYPE_CHECKING:
    from keyferry.cli.connection import Server


def send(server: "Server", out: Output, sign_in: SignIn, id_: str, url: str) -> bool:
    """Send a request; whether it was accepted.

    Raises:
        Conflict: (`state-transition-refused`) it is not validated.
        KeyferryError: the stand-in or the server cannot be reached, or refuses.
    """
    found = server.get(path("customer-key-requests", id_))
    if found["state"] not in {"validated", "submitted"}:
        raise Conflict(
            f"The request is {found['state']}; one that is validated is sent.",
            code="state-transition-refused",
            field="id",
            advice=f"Validate it first: keyferry customer-key request validate {found['id']}",
        )
    made, contacts = onboarding_of(found), read_contacts(found["contacts"])
    with StandIn(sign_in, url) as stand_in:
        with working("Asking the stand-in"):
            checked = _ask(stand_in, made, contacts, Mode.VALIDATE)
        submitted = _submitted(server, found, checked, stand_in.url)
        answers = checked
        if all(each.validated for each in checked.values()):
            with working("Asking the stand-in"):
                answers = _ask(stand_in, made, contacts, Mode.ENABLE)
    accepted = all(each.enabled for each in answers.values())
    ended = server.post(
        path("customer-key-requests", found["id"], "state"),
        {
            "state": "accepted" if accepted else "refused",
            "reference": _reference(answers),
            "note": _note(url),
            "validations": {name: each.document() for name, each in answers.items()},
        },
        revision=submitted["revision"],
    )
    _tell(out, ended, made, answers, accepted=accepted)
    return accepted


def _ask(stand_in: StandIn, made: OnboardingRequest, contacts: Contacts, mode: Mode) -> dict[str, Answer]:
    return {each.name: stand_in.ask(stand_in_body(made, each, mode, contacts)) for each in made.workloads}


def _submitted(server: "Server", found: dict[str, Any], answers: Mapping[str, Answer], url: str) -> dict[str, Any]:
    if found["state"] == "submitted":
        return found
    body = {"state": "submitted", "reference": _reference(answers), "note": _note(url)}
    submitted: dict[str, Any] = server.post(
        path("customer-key-requests", found["id"], "state"), body, revision=found["revision"]
    )
    return submitted


def _reference(answers: Mapping[str, Answer]) -> str:
    return ", ".join(each.id for each in answers.values())


def _note(url: str) -> str:
    return f"Sent to a stand-in at {url}, not to Microsoft."


def _tell(
    out: Output, ended: dict[str, Any], made: OnboardingRequest, answers: Mapping[str, Answer], *, accepted: bool
) -> None:
    rows: dict[str, Any] = {"Request": ended["id"], "State": ended["state"], "Reference": ended["reference"]}
    for name, each in answers.items():
        rows[name.capitalize()] = f"{len(each.passed)} validations passed, {len(each.failed)} failed"
    document = ended | {"stand_in": True, "answers": {name: each.document() for name, each in answers.items()}}
    word = "accepted" if accepted else "refused"
    out.facts(document, rows, head=f"The stand-in {word} the request. This was no service of Microsoft's.")
    for name, each in answers.items():
        for line in each.failed:
            out.say(f"  failed for {name}: {line}")
    if not accepted:
        out.say("Set right what failed, then validate it again and send it again:")
        out.say(f"  keyferry customer-key request validate {ended['id']}")
    if accepted:
        out.say()
        out.say("With the real service, these would follow in PowerShell, with a name of your own for POLICY:")
        for workload in made.workloads:
            for line in policy_lines(made, workload):
                out.say(f"  {line}")
