"""Users: found, looked at, and what can be done to one with a button."""

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from keyferry.clock import now
from keyferry.custody.policy import Operation, Role
from keyferry.custody.users import UserSearch
from keyferry.web.addresses import user_address
from keyferry.web.forms import Form, require_typed
from keyferry.web.pages import action, form_page, page
from keyferry.web.visits import Visit, address

#: keys and tokens that a user's page shows
MOST_SHOWN: Final = 10

_STANDINGS: Final[Mapping[str, bool]] = {"enabled": False, "disabled": True}
_ROLES: Final[Mapping[str, Role]] = {role.value: role for role in Role}


async def list_users(visit: Visit) -> Response:
    """Accounts by name; as a part of the page when a script asks while somebody types."""
    asked = {name: visit.query(name) for name in ("begins", "role", "account")}
    search = UserSearch(
        prefix=asked["begins"], role=_ROLES.get(asked["role"]), disabled=_STANDINGS.get(asked["account"])
    )
    found = await visit.ask(visit.custody.users.search, search, size=visit.page_size, after=visit.query("after"))
    context: dict[str, Any] = {
        "users": found.items,
        "asked": Form.showing(**asked),
        "is_search": any(asked.values()),
        "first": address("users", **asked) if visit.query("after") else "",
        "next": address("users", **asked, after=found.next) if found.next else "",
    }
    if visit.wants_part:
        return visit.part("users/table.html", **context, said=True)
    return visit.page("users/list.html", **context, said=False)


async def show_user(visit: Visit) -> Response:
    """A user's page."""
    return await shown(visit, Form())


async def shown(visit: Visit, form: Form) -> Response:
    """The page, with what was refused of a button on it."""
    await visit.require(Operation.USER_LIST)
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    user = detail.user
    tokens = await visit.ask(visit.custody.tokens.in_force, user=user.id, size=MOST_SHOWN)
    keys = None
    if user.role == Role.KEY_ACCESS_USER.value:
        keys = await visit.ask(visit.custody.keys.list, size=MOST_SHOWN, owner=user.name)
    return visit.page(
        "users/show.html",
        form=form,
        detail=detail,
        user=user,
        networks=None if user.networks is None else json.loads(user.networks),
        tokens=tokens,
        certificates=await visit.ask(visit.custody.certificates.in_force, user=user.id),
        identities=await visit.ask(visit.custody.identities.list, user=user.id),
        providers=await visit.enabled_providers(),
        keys=keys,
        is_oneself=user.id == visit.caller.user_id,
        now=now(),
    )


async def disable(visit: Visit, form: Form) -> Response:
    """Deny the account every way in."""
    detail = await visit.ask(visit.custody.users.disable, visit.path("name"), revision=form.whole_number("revision"))
    return visit.go(user_address(detail.user), f"The account {detail.user.name} was disabled; its sessions ended.")


async def enable(visit: Visit, form: Form) -> Response:
    """Let the account sign in again."""
    detail = await visit.ask(visit.custody.users.enable, visit.path("name"), revision=form.whole_number("revision"))
    return visit.go(user_address(detail.user), f"The account {detail.user.name} was enabled.")


async def revoke_token(visit: Visit, form: Form) -> Response:
    """End one of the user's sessions or tokens."""
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    token = await visit.ask(visit.custody.tokens.revoke, form.text("token"))
    return visit.go(user_address(detail.user), f"{token.name} was revoked.")


async def unlock(visit: Visit, _form: Form) -> Response:
    """Forget failed sign-ins."""
    detail = await visit.ask(visit.custody.users.unlock, visit.path("name"))
    return visit.go(user_address(detail.user), f"Failed sign-ins of {detail.user.name} are forgotten.")


async def show_delete(visit: Visit, form: Form) -> Response:
    """Ask for the user's name to be typed."""
    await visit.require(Operation.USER_DELETE)
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    return visit.page("users/delete.html", user=detail.user, form=form)


async def delete(visit: Visit, form: Form) -> Response:
    """Delete the account, if its name was typed."""
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    require_typed(form, detail.user.name, "the Username")
    await visit.ask(visit.custody.users.delete, detail.user.id, revision=form.whole_number("revision"))
    return visit.go("/users", f"The user {detail.user.name} was deleted.")


routes = [
    page("/users", list_users),
    page("/users/{name}", show_user),
    action("/users/{name}/disable", disable, shown),
    action("/users/{name}/enable", enable, shown),
    action("/users/{name}/unlock", unlock, shown),
    action("/users/{name}/revoke", revoke_token, shown),
    form_page("/users/{name}/delete", show_delete, delete),
]
