"""The authorities of client certificates, in the settings: another one made, an earlier one retired."""

from starlette.responses import Response

from keyferry.custody.client_authorities import AuthorityDetail
from keyferry.custody.policy import Operation
from keyferry.errors import NotFound
from keyferry.web.forms import Form, require_typed
from keyferry.web.pages import action, form_page, page
from keyferry.web.visits import Visit

_PLACE = "/settings/authorities"


async def list_authorities(visit: Visit) -> Response:
    """All of them."""
    return await _list(visit, Form())


async def _list(visit: Visit, form: Form) -> Response:
    await visit.require(Operation.AUTHORITY_LIST)
    found = await visit.ask(visit.custody.client_authorities.list)
    return visit.page("authorities/list.html", form=form, authorities=found)


async def rotate(visit: Visit, _form: Form) -> Response:
    """Make another."""
    made = await visit.ask(visit.custody.client_authorities.rotate)
    return visit.go(_PLACE, f"{made.name} issues from now on.")


async def show_retire(visit: Visit, form: Form) -> Response:
    """Ask for its name to be typed."""
    await visit.require(Operation.AUTHORITY_RETIRE)
    return visit.page("authorities/retire.html", form=form, authority=await _find(visit))


async def retire(visit: Visit, form: Form) -> Response:
    """End everything that it has issued."""
    found = await _find(visit)
    require_typed(form, found.name, "the authority's name")
    done = await visit.ask(visit.custody.client_authorities.retire, found.authority.id)
    ended = f"{done.ended} certificate{'' if done.ended == 1 else 's'} ended."
    return visit.go(_PLACE, f"{found.name} is retired. {ended}")


async def _find(visit: Visit) -> AuthorityDetail:
    found = await visit.ask(visit.custody.client_authorities.list)
    for each in found:
        if each.authority.id == visit.path("id"):
            return each
    raise NotFound("There is no such authority.")


routes = [
    page(_PLACE, list_authorities),
    action(f"{_PLACE}/rotate", rotate, _list),
    form_page(f"{_PLACE}/{{id}}/retire", show_retire, retire),
]
