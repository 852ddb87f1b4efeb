"""The forms of accounts: Add User, Edit, and a password that an Administrator sets."""

import json
from typing import Any, Final

from starlette.responses import Response

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.policy import Operation, Role
from keyferry.custody.users import UserDetail
from keyferry.errors import InvalidInput, KeyferryError
from keyferry.material.secret import Secret
from keyferry.store.records import User
from keyferry.web.addresses import address, user_address
from keyferry.web.certificate_form import DEFAULTS, answer, bind, wanted_certificate
from keyferry.web.forms import Form
from keyferry.web.identities import new_identity
from keyferry.web.pages import form_page
from keyferry.web.passwords import new_password
from keyferry.web.visits import Visit

#: groups that a form offers to be ticked; any others are typed
MOST_OFFERED: Final = 100


async def show_new(visit: Visit, form: Form) -> Response:
    """Add User."""
    await visit.require(Operation.USER_CREATE)
    shown = (
        form
        if form.was_sent
        else Form.showing(**{**DEFAULTS, "role": Role.KEY_ACCESS_USER.value, "certificate": "none", "temporary": "on"})
    )
    providers = await visit.enabled_providers()
    return visit.page("users/new.html", form=shown, providers=providers, **await _offered(visit))


async def create(visit: Visit, form: Form) -> Response:
    """Make the account."""
    role = _role(form)
    new = NewUser(
        name=form.text("name"),
        role=role,
        password=_password(form),
        identity=new_identity(form, form.text("name")) if form.ticked("sso") else None,
        temporary=form.ticked("temporary"),
        groups=_groups(form, role),
        default_group=form.optional("default_group"),
        display_name=form.optional("display_name"),
        email=form.optional("email"),
        networks=_networks(form),
        disabled=form.ticked("disabled"),
    )
    wanted = wanted_certificate(form)
    detail = await visit.ask(visit.custody.users.create, new)
    there, said = user_address(detail.user), f"The user {detail.user.name} was created."
    if form.ticked("invite"):
        return await _invited(visit, detail.user)
    if wanted is None:
        return visit.go(there, said)
    try:
        bound = await bind(visit, wanted, detail.user.id)
    except KeyferryError as refusal:  # such as a certificate that somebody else has: the user is there
        advice = f" {refusal.advice}" if refusal.advice else ""
        return visit.go(there, f"{said} Without a certificate: {refusal.detail}{advice}", kind="warning")
    return answer(visit, detail.user, bound, there, said)


async def show_edit(visit: Visit, form: Form) -> Response:
    """Edit what can be changed of an account; its name stays."""
    await visit.require(Operation.USER_EDIT)
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    offered = await _offered(visit, detail)
    return visit.page("users/edit.html", user=detail.user, form=form if form.was_sent else _form_of(detail), **offered)


async def edit(visit: Visit, form: Form) -> Response:
    """Change it, unless somebody else has meanwhile."""
    role = _role(form)
    wanted = UserEdit(
        role=role,
        groups=_groups(form, role),
        default_group=form.text("default_group"),
        display_name=form.text("display_name"),
        email=form.text("email"),
        networks=_networks(form),
        enforce_networks=form.ticked("enforce_networks"),
    )
    detail = await visit.ask(
        visit.custody.users.edit, visit.path("name"), wanted, revision=form.whole_number("revision")
    )
    return visit.go(user_address(detail.user), f"The user {detail.user.name} was changed.")


async def show_password(visit: Visit, form: Form) -> Response:
    """A password for somebody else; for one's own there is the account page."""
    await visit.require(Operation.USER_PASSWORD)
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    if detail.user.id == visit.caller.user_id:
        return visit.go("/account/password")
    shown = form if form.was_sent else Form.showing(temporary="on")
    return visit.page("users/password.html", user=detail.user, form=shown)


async def set_password(visit: Visit, form: Form) -> Response:
    """Set it; the user's sessions and tokens end."""
    setting, temporary = visit.custody.users.set_password, form.ticked("temporary")
    detail = await visit.ask(setting, visit.path("name"), new_password(form), temporary=temporary)
    name = detail.user.name
    return visit.go(
        user_address(detail.user),
        f"The password of {name} was set; every session, token and certificate of theirs ended.",
    )


async def show_invitation(visit: Visit, form: Form) -> Response:
    """Invite somebody who has no password yet."""
    await visit.require(Operation.USER_INVITE)
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    return visit.page("users/invite.html", user=detail.user, form=form)


async def invite(visit: Visit, _form: Form) -> Response:
    """Make the link, and show it this once."""
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    return await _invited(visit, detail.user)


async def _invited(visit: Visit, user: User) -> Response:
    invitation = await visit.ask(visit.custody.invitations.create, user.id)
    origin = visit.console.services.settings.public_url or str(visit.request.base_url).rstrip("/")
    link = origin + address("invitation", ticket=invitation.text.reveal().decode())
    return visit.page("users/invited.html", user=user, link=link, ends=invitation.expires_at)


def _password(form: Form) -> Secret | None:
    """What was typed, or none for an invitation; a user who authenticates via SSO may go without.

    Raises:
        InvalidInput: neither was asked for, or both were.
    """
    invited, typed = form.ticked("invite"), bool(form.raw("password") or form.raw("password_again"))
    if invited and typed:
        raise InvalidInput(
            "There is a password, and an invitation to set one.", field="password", advice="Leave one of them out."
        )
    return None if invited or (form.ticked("sso") and not typed) else new_password(form)


def _role(form: Form) -> Role:
    try:
        return Role(form.text("role"))
    except ValueError:
        raise InvalidInput("There is no such role.", field="role", advice="Choose one of those offered.") from None


def _groups(form: Form, role: Role) -> tuple[str, ...]:
    """Those that are ticked and those that are typed; only a Key Access User is offered any."""
    if not role.handles_keys:
        return ()
    return tuple(dict.fromkeys([*form.all("groups"), *form.lines("more_groups")]))


def _networks(form: Form) -> tuple[str, ...] | None:
    return tuple(form.lines("networks")) if form.ticked("enforce_networks") else None


def _form_of(detail: UserDetail) -> Form:
    user = detail.user
    return Form.showing(
        role=user.role,
        display_name=user.display_name or "",
        email=user.email or "",
        groups=detail.groups,
        default_group=detail.default_group or "",
        enforce_networks=user.networks is not None,
        networks="" if user.networks is None else "\n".join(json.loads(user.networks)),
        revision=str(user.revision),
    )


async def _offered(visit: Visit, detail: UserDetail | None = None) -> dict[str, Any]:
    """The groups to choose from: the user's own among them, however many there are."""
    found = await visit.ask(visit.custody.groups.search, "", size=MOST_OFFERED)
    mine = () if detail is None else detail.groups
    offered = sorted({group.name for group in found.items} | set(mine))
    return {"offered": offered, "has_more_groups": found.next is not None}


routes = [
    form_page("/users/new", show_new, create),
    form_page("/users/{name}/edit", show_edit, edit),
    form_page("/users/{name}/password", show_password, set_password),
    form_page("/users/{name}/invitation", show_invitation, invite),
]
