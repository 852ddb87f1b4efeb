"""Groups: found, made, edited, deleted."""

from starlette.responses import Response

from keyferry.custody.groups import GroupEdit
from keyferry.store.records import Group
from keyferry.web.forms import Form, require_typed
from keyferry.web.pages import form_page, page
from keyferry.web.visits import Visit, address

#: as the form has it, for a group that has no policy of its own
INHERIT = "inherit"


async def list_groups(visit: Visit) -> Response:
    """All groups for an Administrator, one's own for others."""
    found = await visit.ask(visit.custody.groups.list, size=visit.page_size, after=visit.query("after"))
    return visit.page("groups/list.html", groups=found.items, next=found.next)


async def show_new(visit: Visit, form: Form) -> Response:
    """+Add Group."""
    return visit.page("groups/new.html", form=form if form.was_sent else Form.showing(kek_policy=INHERIT))


async def create(visit: Visit, form: Form) -> Response:
    """Make it, and say so in the list."""
    group = await visit.ask(
        visit.custody.groups.create,
        form.text("id"),
        description=form.optional("description"),
        kek_policy=_policy(form),
    )
    return visit.go(address("groups", group.name), f"The group {group.name} was created.")


async def show_group(visit: Visit) -> Response:
    """A group's page."""
    group = await visit.ask(visit.custody.groups.show, visit.path("name"))
    return visit.page("groups/show.html", group=group)


async def show_edit(visit: Visit, form: Form) -> Response:
    """Edit what can be changed of a group; its id stays."""
    group = await visit.ask(visit.custody.groups.show, visit.path("name"))
    return visit.page("groups/edit.html", group=group, form=form if form.was_sent else _form_of(group))


async def edit(visit: Visit, form: Form) -> Response:
    """Change it, unless somebody else has meanwhile."""
    wanted = GroupEdit(description=form.text("description"), kek_policy=_policy(form) or INHERIT)
    group = await visit.ask(
        visit.custody.groups.edit, visit.path("name"), wanted, revision=form.whole_number("revision")
    )
    return visit.go(address("groups", group.name), "The group was changed.")


async def show_delete(visit: Visit, form: Form) -> Response:
    """Ask for the group's id to be typed."""
    group = await visit.ask(visit.custody.groups.show, visit.path("name"))
    return visit.page("groups/delete.html", group=group, form=form)


async def delete(visit: Visit, form: Form) -> Response:
    """Delete it, if its id was typed."""
    name = visit.path("name")
    require_typed(form, name, "the Group ID")
    await visit.ask(visit.custody.groups.delete, name)
    return visit.go("/groups", f"The group {name} was deleted.")


def _policy(form: Form) -> str | None:
    given = form.text("kek_policy")
    return None if given in {"", INHERIT} else given


def _form_of(group: Group) -> Form:
    return Form.showing(
        description=group.description or "", kek_policy=group.kek_policy or INHERIT, revision=str(group.revision)
    )


routes = [
    page("/groups", list_groups),
    form_page("/groups/new", show_new, create),
    page("/groups/{name}", show_group),
    form_page("/groups/{name}/edit", show_edit, edit),
    form_page("/groups/{name}/delete", show_delete, delete),
]
