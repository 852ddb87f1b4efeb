"""Client certificates at the console: one's own, on the account page, and a user's, on the user's page."""

from starlette.responses import Response

from keyferry.custody.certificates import NewCertificate
from keyferry.custody.policy import Operation
from keyferry.errors import InvalidInput
from keyferry.store.records import User
from keyferry.web import account, users
from keyferry.web.addresses import user_address
from keyferry.web.certificate_form import DEFAULTS, FIELDS, Brought, answer, bind, wanted_certificate
from keyferry.web.forms import Form
from keyferry.web.pages import action, form_page
from keyferry.web.visits import Visit


async def show_own(visit: Visit, form: Form) -> Response:
    """A certificate for oneself."""
    return _page(visit, form, None)


async def make_own(visit: Visit, form: Form) -> Response:
    """Have it issued, or take it."""
    bound = await bind(visit, _wanted(form), None)
    return answer(visit, visit.person.user, bound, "/account", "")


async def show_of_user(visit: Visit, form: Form) -> Response:
    """A certificate for somebody else."""
    await visit.require(Operation.CERTIFICATE_ISSUE)
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    return _page(visit, form, detail.user)


async def make_of_user(visit: Visit, form: Form) -> Response:
    """Have it issued, or take it, for the user."""
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    bound = await bind(visit, _wanted(form), detail.user.id)
    return answer(visit, detail.user, bound, user_address(detail.user), "")


async def revoke_own(visit: Visit, form: Form) -> Response:
    """End one of one's own."""
    row = await visit.ask(visit.custody.certificates.revoke, form.text("certificate"))
    return visit.go("/account", f"The certificate {row.name} was revoked.")


async def revoke_of_user(visit: Visit, form: Form) -> Response:
    """End one of the user's."""
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    row = await visit.ask(visit.custody.certificates.revoke, form.text("certificate"))
    return visit.go(user_address(detail.user), f"The certificate {row.name} was revoked.")


def _page(visit: Visit, form: Form, user: User | None) -> Response:
    shown = form if form.was_sent else Form.showing(**DEFAULTS)
    return visit.page("certificates/new.html", form=shown, user=user, fields=FIELDS)


def _wanted(form: Form) -> NewCertificate | Brought:
    wanted = wanted_certificate(form)
    if wanted is None:
        raise InvalidInput("Nothing was chosen.", field="certificate", advice="Choose one of the two.")
    return wanted


routes = [
    form_page("/account/certificates/new", show_own, make_own),
    action("/account/certificates/revoke", revoke_own, account.shown),
    form_page("/users/{name}/certificates/new", show_of_user, make_of_user),
    action("/users/{name}/certificates/revoke", revoke_of_user, users.shown),
]
