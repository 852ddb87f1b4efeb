"""A key is given to another owner, who is chosen among those that custody would take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.policy import Role
from keyferry.custody.users import UserSearch
from keyferry.errors import InvalidInput
from keyferry.web.forms import Form
from keyferry.web.key_states import about_key, back_to_key
from keyferry.web.pages import form_page
from keyferry.web.visits import Visit

#: groups, and users, that are offered at once; with more, they are searched
MOST_OFFERED: Final = 20

_GROUP: Final = "group:"
_USER: Final = "user:"


@dataclass(frozen=True, slots=True)
class Offer:
    """Who may have the key, of those whose name begins as asked; the names are in their order.

    Attributes:
        more: there are further ones, or others than those that begin so: a search helps.
    """

    groups: Sequence[tuple[str, str]]
    users: Sequence[tuple[str, str]]
    more: bool
    begins: str

    @property
    def found(self) -> int:
        """How many are offered."""
        return len(self.groups) + len(self.users)


async def show(visit: Visit, form: Form) -> Response:
    """Who shall have it: a group of theirs for a Key Access User; a group or user for an Administrator."""
    detail = await visit.ask(visit.custody.keys.show, visit.path("id"))
    begins = form.text("begins") if form.was_sent else visit.query("begins")
    offer = await _offered(visit, detail, begins)
    if visit.wants_part:
        return visit.part("key/new_owners.html", offer=offer, form=form, said=True)
    more: dict[str, Any] = {"offer": offer, "asked": Form.showing(begins=begins), "said": False}
    return await about_key(visit, "key/reassign.html", form, **more)


async def reassign(visit: Visit, form: Form) -> Response:
    """Give it away."""
    group, owner = form.optional("group"), form.optional("owner")
    chosen = form.text("new_owner")
    if chosen.startswith(_GROUP):
        group = chosen.removeprefix(_GROUP)
    elif chosen.startswith(_USER):
        owner = chosen.removeprefix(_USER)
    elif chosen:
        raise InvalidInput("That is no owner.", field="owner", advice="Choose one of those that are offered.")
    detail = await visit.ask(visit.custody.keys.reassign, visit.path("id"), group=group, owner=owner)
    return back_to_key(visit, detail, f"The key belongs to {detail.owner.name} now.")


async def _offered(visit: Visit, detail: KeyDetail, begins: str) -> Offer:
    groups = await visit.ask(visit.custody.groups.search, begins, size=MOST_OFFERED)
    more = groups.next is not None
    users: list[tuple[str, str]] = []
    if visit.is_administrator:
        search = UserSearch(prefix=begins, role=Role.KEY_ACCESS_USER, disabled=False)
        found = await visit.ask(visit.custody.users.search, search, size=MOST_OFFERED)
        users = [
            (_USER + user.name, user.name + (f" ({user.display_name})" if user.display_name else ""))
            for user in (each.user for each in found.items)
            if user.id != detail.key.owner_user_id
        ]
        more = more or found.next is not None
    names = [(_GROUP + each.name, each.name) for each in groups.items if each.id != detail.key.owner_group_id]
    return Offer(names, users, more or bool(begins), begins)


routes = [form_page("/keys/{id}/reassign", show, reassign)]
