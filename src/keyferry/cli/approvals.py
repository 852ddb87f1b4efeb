"""`keyferry approval`: what waits for the approval of others; and the options that say what needs it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.choices import APPROVAL_LISTS, COVERED
from keyferry.cli.failures import Group, WrongUsage
from keyferry.cli.local import home_option, settings_of
from keyferry.cli.output import BLANK, Output
from keyferry.cli.remote import json_option, limit_option, path, remote
from keyferry.cli.tokens import Lifetime

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_id = click.argument("id_", metavar="ID")


class Operations(click.ParamType[list[str]]):
    """What needs approval, with commas between; `all` for everything."""

    name = "operations"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """`value` as a list; wrong usage otherwise."""
        found = [part.strip() for part in str(value).split(",")]
        if not set(found) <= {*COVERED, "all"}:
            self.fail(
                f"{str(value)!r} is no list such as {COVERED[0]},{COVERED[1]} of {', '.join(COVERED)}.", param, ctx
            )
        return found


@dataclass(frozen=True, slots=True)
class PolicyEdit:
    """What a command's options say of what needs the approval of others, for the body of its request.

    Attributes:
        members: of the body.
        cleared: members that it sends as null.
    """

    members: dict[str, Any]
    cleared: list[str]


def policy_options(*, of_key: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """What `edit` of groups and keys says of what needs the approval of others; the command is given it as `policy`, a
    `PolicyEdit`.
    """
    options = [
        click.option(
            "--require-approval",
            type=Operations(),
            metavar="OPS",
            help=f"Have others approve these, with commas between: {', '.join(COVERED)}, or all.",
        ),
        click.option(
            "--approvals-needed",
            type=click.IntRange(1, 50),
            metavar="N",
            help="How many have to approve; 1 without it.",
        ),
        click.option("--approver", "approvers", multiple=True, metavar="USER", help="Who may approve; several times."),
        click.option(
            "--approval-lifetime",
            type=Lifetime(),
            metavar="SPAN",
            help="How long a request lasts, such as 72h; 3d without it.",
        ),
        click.option("--no-approvals", is_flag=True, help="Let nothing need approval any more."),
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_policy(
            *args: Any,
            require_approval: list[str] | None,
            approvals_needed: int | None,
            approvers: tuple[str, ...],
            approval_lifetime: int | None,
            no_approvals: bool,
            **given: Any,
        ) -> None:
            said = (require_approval, approvals_needed, approvers, approval_lifetime)
            command(*args, policy=_policy_edit(*said, none=no_approvals, of_key=of_key), **given)

        decorated: Callable[..., None] = with_policy
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _policy_edit(
    operations: list[str] | None,
    needed: int | None,
    approvers: Sequence[str],
    lifetime: int | None,
    *,
    none: bool,
    of_key: bool,
) -> PolicyEdit:
    """
    Raises:
        WrongUsage: the options contradict each other, or one is missing.
    """
    said = operations is not None or needed is not None or bool(approvers) or lifetime is not None
    if none and said:
        raise WrongUsage(
            "--no-approvals goes with none of the others.", advice="Say what needs approval, or that nothing does."
        )
    if none:
        return PolicyEdit({}, ["approvals"])
    if not said:
        return PolicyEdit({}, [])
    if operations is None or not approvers:
        raise WrongUsage(
            "--require-approval and --approver go together.",
            advice="Say the whole policy: what needs approval, and who may approve it.",
        )
    everything = [each for each in COVERED if not (of_key and each in {"kek-registration", "server-policy"})]
    policy: dict[str, Any] = {
        "operations": everything if "all" in operations else operations,
        "needed": needed or 1,
        "approvers": list(approvers),
    }
    if lifetime is not None:
        policy["lifetime_seconds"] = lifetime
    return PolicyEdit({"approvals": policy}, [])


def policy_rows(server: "Server", out: Output, *place: str) -> dict[str, Any]:
    """A policy as `show` and `edit` tell people of it; what it leaves open goes to standard error."""
    policy = server.get(path(*place, "approvals"))
    out.warn(policy["warnings"])
    names, span = ", ".join(policy["approvers"]), _span(policy["lifetime_seconds"])
    return {"Needs approval": policy["operations"], "Approvals": f"{policy['needed']} of {names}, within {span}"}


@click.group("approval", cls=Group)
def approval() -> None:
    """What waits for the approval of others."""


@approval.command("list")
@click.option(
    "--which",
    type=click.Choice(APPROVAL_LISTS),
    default="waiting",
    show_default=True,
    help="Those that wait for you, that you asked for, or all that you may see.",
)
@limit_option
@remote
def list_requests(server: "Server", out: Output, which: str, limit: int | None) -> None:
    """List requests, the newest first."""
    found = server.items("/approval-requests", limit=limit, which=which)
    if not out.as_json:
        found = [each | {"about": _about(each)} for each in found]
    columns = {
        "ID": "id",
        "ASKED": "operation",
        "ABOUT": "about",
        "BY": "requester",
        "STATE": "state",
        "EXPIRES": "expires_at",
    }
    none = "Nothing waits for your approval." if which == "waiting" else "There are no requests."
    out.table(found, columns, none=none)


@approval.command("show")
@_id
@remote
def show(server: "Server", out: Output, id_: str) -> None:
    """Show exactly what is asked for, and who has decided what."""
    found = server.get(path("approval-requests", id_))
    out.facts(found, _rows(found), head=f"Request {found.get('id')}")


def _decision(name: str, way: str, done: str, help_: str) -> None:
    """A command that decides a request: `way` is its route, and `done` what one has then done."""

    @approval.command(name, help=help_)
    @_id
    @click.option("--note", metavar="TEXT", help="What is to be said to it, for the record.")
    @remote
    def decide(server: "Server", out: Output, id_: str, note: str | None) -> None:
        found = server.post(path("approval-requests", id_, way), {"note": note})
        out.facts(found, _rows(found), head=f"You have {done} request {found.get('id')}.")
        if found.get("state") == "approved":
            out.say(f"It has all its approvals: {found.get('requester')} can do it now, once.")


_decision("approve", "approvals", "approved", "Approve a request; look at it first.")
_decision("reject", "rejections", "rejected", "Reject a request, which ends it.")


@approval.command("withdraw")
@_id
@remote
def withdraw(server: "Server", out: Output, id_: str) -> None:
    """End a request of your own."""
    found = server.delete(path("approval-requests", id_))
    out.facts(found, _rows(found), head=f"Request {found.get('id')} was withdrawn.")


@approval.command("lift")
@home_option
@click.option("--group", metavar="ID", help="The group whose policy is taken off.")
@click.option("--key", metavar="ID", help="The key, by its id, whose own policy is taken off.")
@json_option
def lift(home: Path | None, group: str | None, key: str | None, as_json: bool) -> None:
    """Take a policy off that nobody is left to change, on the server's own machine."""
    if (group is None) == (key is None):
        raise WrongUsage("A group or a key is named.", advice="Give --group ID or --key ID.")
    from keyferry.custody.approval_lifting import lift_approvals
    from keyferry.installation import open_installation

    installation = open_installation(settings_of(home))
    try:
        lift_approvals(installation.store, installation.sealer, group=group, key=key, by="keyferry approval lift")
    finally:
        installation.close()
    document = {"group": group, "key": key, "lifted": True}
    whose = f"group {group}" if group is not None else f"key {key}"
    Output(as_json=as_json).facts(
        document, {}, head=f"Nothing of {whose} needs approval any more; the audit log says so."
    )


def _rows(request: dict[str, Any]) -> dict[str, Any]:
    facts = {
        f"  {name.replace('_', ' ')}": value for name, value in request.get("facts", {}).items() if value is not None
    }
    asked = [
        f"{each['needed']} of {', '.join(each['approvers'])} ({each['kind']} {each['name']})"
        for each in request.get("policies", [])
    ]
    votes = [
        f"{each['user']}: {each['decision']}{' (' + each['note'] + ')' if each.get('note') else ''}"
        for each in request.get("votes", [])
    ]
    return {
        "Asked": f"{request.get('operation')} ({request.get('covered_as')})",
        "About": _about(request),
        **facts,
        "By": request.get("requester"),
        "State": request.get("state"),
        "Needs": "; ".join(asked),
        "Decided": "; ".join(votes) or None,
        "Expires": request.get("expires_at"),
        "Digest": request.get("digest"),
    }


def _about(request: dict[str, Any]) -> str:
    id_ = request.get("object_id")
    return f"{request.get('object_type')} {request.get('object_name') or BLANK}{f' ({id_})' if id_ else ''}"


def _span(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
