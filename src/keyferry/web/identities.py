"""Who at an identity provider signs in to an account: on the Add User form, and on a user's page."""

from starlette.responses import Response

from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.policy import Operation
from keyferry.web.addresses import user_address
from keyferry.web.forms import Form
from keyferry.web.pages import action, form_page
from keyferry.web.users import shown
from keyferry.web.visits import Visit


def new_identity(form: Form, user_name: str) -> NewIdentity:
    """What was typed; without anything, the person is known there by the name that they have here."""
    subject, name = form.optional("identity_subject"), form.optional("identity_user_name")
    if subject is None and name is None:
        name = user_name
    return NewIdentity(provider=form.text("identity_provider"), subject=subject, user_name=name)


async def show_new(visit: Visit, form: Form) -> Response:
    """Let somebody sign in to the account."""
    await visit.require(Operation.IDENTITY_BIND)
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    providers = await visit.enabled_providers()
    return visit.page("users/identity_new.html", form=form, user=detail.user, providers=providers)


async def create(visit: Visit, form: Form) -> Response:
    """Bind them."""
    user = (await visit.ask(visit.custody.users.show, visit.path("name"))).user
    made = await visit.ask(visit.custody.identities.bind, user.id, new_identity(form, user.name))
    return visit.go(user_address(user), f"{user.name} authenticates via {made.provider} now.")


async def unbind(visit: Visit, form: Form) -> Response:
    """Let the person come no more."""
    user = await visit.ask(visit.custody.identities.unbind, form.text("identity"))
    return visit.go(user_address(user), f"{user.name} was unbound; every session and token of theirs ended.")


routes = [
    form_page("/users/{name}/identities/new", show_new, create),
    action("/users/{name}/identities/unbind", unbind, shown),
]
