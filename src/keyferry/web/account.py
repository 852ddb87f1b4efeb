"""One's own account: what it is, its sessions and tokens, and its password."""

import json
from functools import partial
from typing import Final

from starlette.responses import RedirectResponse, Response

from keyferry.clock import DAY, SECOND
from keyferry.custody.token_scopes import TokenScope
from keyferry.custody.workloads import WorkloadDetail
from keyferry.errors import KeyferryError
from keyferry.identity.opening import Unfinished
from keyferry.material.secret import Secret
from keyferry.web import cookies
from keyferry.web.forms import Form
from keyferry.web.pages import action, form_page, page
from keyferry.web.passwords import new_password
from keyferry.web.sign_in_steps import go_on
from keyferry.web.visits import Visit

#: sessions and tokens that the page shows
MOST_SHOWN: Final = 50


async def show(visit: Visit) -> Response:
    """The account page."""
    return await shown(visit, Form())


async def shown(visit: Visit, form: Form) -> Response:
    """The page, with what was refused of a button on it."""
    networks = visit.person.user.networks
    return visit.page(
        "account/show.html",
        form=form,
        tokens=await visit.ask(visit.custody.tokens.in_force, size=MOST_SHOWN),
        factors=await visit.ask(visit.custody.factors.list),
        certificates=await visit.ask(visit.custody.certificates.in_force),
        workloads=await _workloads(visit),
        networks=None if networks is None else json.loads(networks),
    )


async def _workloads(visit: Visit) -> list[WorkloadDetail]:
    """Programs that act as the person, as long as they may."""
    mine = visit.person.user.id
    found = await visit.ask(visit.custody.workloads.list, user=mine, size=MOST_SHOWN)
    return [each for each in found.items if each.workload.revoked_at is None]


async def revoke_workload(visit: Visit, form: Form) -> Response:
    """Let a program act as oneself no more."""
    ended = await visit.ask(visit.custody.workloads.revoke, form.text("workload"))
    return visit.go("/account", f"The workload {ended.workload.name} comes in no more.")


async def revoke(visit: Visit, form: Form) -> Response:
    """End one of one's sessions or tokens; with the present one, one is signed out."""
    token = await visit.ask(visit.custody.tokens.revoke, form.text("token"))
    if token.id != visit.caller.token_id:
        return visit.go("/account", f"{token.name} was revoked.")
    response = RedirectResponse("/sign-in?notice=signed-out", 303)
    cookies.forget_session(visit.request, response)
    return response


_BUNDLES: Final = [
    ("read", "Read: see keys, groups, exports, deployments and figures"),
    ("use", "Use: encrypt, decrypt, sign, verify, wrap, unwrap"),
    ("export", "Export: wrap keys for a cloud"),
    ("push", "Push: take keys into vaults through connections"),
    ("manage", "Manage: make keys, and change what they say and their state"),
    ("audit", "Audit: read the audit log, jobs and metrics"),
]


async def show_new_token(visit: Visit, form: Form) -> Response:
    """A token for one's own programs."""
    shown = form if form.was_sent else Form.showing(lifetime="30")
    return visit.page("account/new_token.html", form=shown, bundles=_BUNDLES)


async def create_token(visit: Visit, form: Form) -> Response:
    """Make it, and show it this once."""
    days = form.whole_number("lifetime") or 0
    scope = TokenScope(
        operations=tuple(form.all("operations")) or None,
        keys=tuple(form.lines("keys")) or None,
        groups=tuple(form.lines("groups")) or None,
        networks=tuple(form.lines("networks")) or None,
    )
    issued = await visit.ask(visit.custody.tokens.create, form.text("name"), days * DAY, scope=scope)
    return visit.page("account/token.html", token=issued.token, text=issued.text.reveal().decode())


async def show_password(visit: Visit, form: Form) -> Response:
    """Change Password."""
    return visit.page("account/password.html", form=form)


async def change_password(visit: Visit, form: Form) -> Response:
    """Change it. All sessions end, this one too; this browser is given a new one."""
    password = new_password(form)
    current = Secret(form.raw("current_password").encode()) if form.raw("current_password") else None
    await visit.ask(visit.custody.users.set_password, visit.caller.user_id, password, current=current)
    services = visit.console.services
    signing_in = partial(
        services.sign_in.sign_in,
        visit.person.user.name,
        password,
        visit.caller.address,
        idle_after=services.settings.session_idle * SECOND,
    )
    try:
        signed_in = await services.crew.sign_ins.run(signing_in)
    except KeyferryError:  # too many are signing in just now, or the account was disabled: the change stands
        response = RedirectResponse("/sign-in?notice=password-changed", 303)
        cookies.forget_session(visit.request, response)
        return response
    if isinstance(signed_in, Unfinished):
        return await go_on(visit.request, visit.console, Form.showing(next="/account"), signed_in)
    token = signed_in.issued.text
    response = RedirectResponse("/account", 303)
    cookies.keep_session(visit.request, response, token)
    message = "Your password was changed. Every other session and every token of yours ended."
    cookies.keep_message(visit.request, response, cookies.Message(message), token)
    return response


routes = [
    page("/account", show),
    action("/account/revoke", revoke, shown),
    action("/account/workloads/revoke", revoke_workload, shown),
    form_page("/account/tokens/new", show_new_token, create_token),
    form_page("/account/password", show_password, change_password),
]
