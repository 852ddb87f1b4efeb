"""Groups: found, made, edited, deleted."""

from typing import Any, Final

from starlette.responses import Response

from keyferry.custody.approvals import PolicyDetail
from keyferry.custody.groups import GroupEdit
from keyferry.custody.policy import Operation
from keyferry.store.records import Group
from keyferry.web.addresses import address, group_address
from keyferry.web.approval_fields import options_of, shown, wish_of
from keyferry.web.forms import Form, require_typed
from keyferry.web.pages import form_page, page
from keyferry.web.visits import Visit

#: as the form has it, for a group that has no policy of its own
INHERIT = "inherit"

#: keys that a group's page shows
MOST_SHOWN: Final = 10


async def list_groups(visit: Visit) -> Response:
    """All groups for an Administrator, one's own for others; a part of the page while somebody types."""
    begins = visit.query("begins")
    found = await visit.ask(visit.custody.groups.search, begins, size=visit.page_size, after=visit.query("after"))
    context: dict[str, Any] = {
        "groups": found.items,
        "asked": Form.showing(begins=begins),
        "is_search": bool(begins),
        "first": address("groups", begins=begins) if visit.query("after") else "",
        "next": address("groups", begins=begins, after=found.next) if found.next else "",
    }
    if visit.wants_part:
        return visit.part("groups/table.html", **context, said=True)
    return visit.page("groups/list.html", **context, said=False)


async def show_new(visit: Visit, form: Form) -> Response:
    """+Add Group."""
    await visit.require(Operation.GROUP_CREATE)
    return visit.page("groups/new.html", form=form if form.was_sent else Form.showing(kek_policy=INHERIT))


async def create(visit: Visit, form: Form) -> Response:
    """Make it, and say so in the list."""
    group = await visit.ask(
        visit.custody.groups.create,
        form.text("id"),
        description=form.optional("description"),
        kek_policy=_policy(form),
    )
    return visit.go(group_address(group), f"The group {group.name} was created.")


async def show_group(visit: Visit) -> Response:
    """A group's page: for its members, and for those who see everything, who the members are included."""
    group = await visit.ask(visit.custody.groups.show, visit.path("name"))
    after, members = visit.query("after"), None
    if visit.sees_everything:
        members = await visit.ask(visit.custody.groups.members, group.id, size=visit.page_size, after=after)
    return visit.page(
        "groups/show.html",
        group=group,
        policies=[(f"the group {group.name}", await visit.ask(visit.custody.approvals.policy_of_group, group.id))],
        approval_options=options_of(of_key=False),
        server_policy=visit.console.services.settings.kek_policy,
        keys=await visit.ask(visit.custody.keys.list, size=MOST_SHOWN, group=group.name),
        members=members,
        first=group_address(group) if after else "",
        next=f"{group_address(group)}?after={members.next}" if members and members.next else "",
    )


async def show_edit(visit: Visit, form: Form) -> Response:
    """Edit what can be changed of a group; its id stays."""
    await visit.require(Operation.GROUP_EDIT)
    group = await visit.ask(visit.custody.groups.show, visit.path("name"))
    policy = await visit.ask(visit.custody.approvals.policy_of_group, group.id)
    showing = form if form.was_sent else _form_of(group, policy)
    return visit.page("groups/edit.html", group=group, form=showing, approval_options=options_of(of_key=False))


async def edit(visit: Visit, form: Form) -> Response:
    """Change it, unless somebody else has meanwhile."""
    present = await visit.ask(visit.custody.approvals.policy_of_group, visit.path("name"))
    wanted = GroupEdit(
        description=form.text("description"), kek_policy=_policy(form) or INHERIT, approvals=wish_of(form, present)
    )
    group = await visit.ask(
        visit.custody.groups.edit, visit.path("name"), wanted, revision=form.whole_number("revision")
    )
    return visit.go(group_address(group), "The group was changed.")


async def show_delete(visit: Visit, form: Form) -> Response:
    """Ask for the group's id to be typed."""
    await visit.require(Operation.GROUP_DELETE)
    group = await visit.ask(visit.custody.groups.show, visit.path("name"))
    return visit.page("groups/delete.html", group=group, form=form)


async def delete(visit: Visit, form: Form) -> Response:
    """Delete it, if its id was typed."""
    group = await visit.ask(visit.custody.groups.show, visit.path("name"))
    require_typed(form, group.name, "the Group ID")
    await visit.ask(visit.custody.groups.delete, group.id)
    return visit.go("/groups", f"The group {group.name} was deleted.")


def _policy(form: Form) -> str | None:
    given = form.text("kek_policy")
    return None if given in {"", INHERIT} else given


def _form_of(group: Group, policy: PolicyDetail | None) -> Form:
    return Form.showing(
        description=group.description or "",
        kek_policy=group.kek_policy or INHERIT,
        revision=str(group.revision),
        **shown(policy),
    )


routes = [
    page("/groups", list_groups),
    form_page("/groups/new", show_new, create),
    page("/groups/{name}", show_group),
    form_page("/groups/{name}/edit", show_edit, edit),
    form_page("/groups/{name}/delete", show_delete, delete),
]
