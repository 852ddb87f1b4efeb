"""Editing a key: its name, description, schedule, and the dates of its current version that lie ahead."""

from starlette.responses import Response

from keyferry.clock import Microseconds
from keyferry.custody.approvals import PolicyDetail
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.keys import NO_DATE, KeyEdit
from keyferry.custody.schedules import NEVER, Schedule
from keyferry.web.approval_fields import options_of, shown, wish_of
from keyferry.web.forms import Form
from keyferry.web.pages import form_page
from keyferry.web.templates import for_input
from keyferry.web.visits import Visit, address


async def show_edit(visit: Visit, form: Form) -> Response:
    """What can be changed, as it is."""
    detail = await visit.ask(visit.custody.keys.show, visit.path("id"))
    choices = await visit.ask(visit.custody.key_choices.show, detail.key.id)
    policy = await visit.ask(visit.custody.approvals.policy_of_key, detail.key.id)
    return visit.page(
        "key/edit.html",
        key=detail.key,
        detail=detail,
        choices=choices,
        form=form if form.was_sent else _form_of(detail, policy),
        approval_options=options_of(of_key=True),
    )


async def edit(visit: Visit, form: Form) -> Response:
    """Change it, unless somebody else has meanwhile."""
    detail = await visit.ask(visit.custody.keys.show, visit.path("id"))
    version, schedule = detail.version, Schedule.of(detail.key)
    wanted = KeyEdit(
        name=form.text("name"),
        description=form.text("description"),
        activation_date=_date(form, "activation_date", version.activation_date),
        deactivation_date=_date(form, "deactivation_date", version.deactivation_date),
        rotation=Schedule(
            _days(form, "rotation_every", schedule.every_days),
            _days(form, "rotation_before", schedule.before_deactivation_days),
        ),
        approvals=wish_of(form, await visit.ask(visit.custody.approvals.policy_of_key, detail.key.id)),
    )
    changed = await visit.ask(visit.custody.keys.edit, detail.key.id, wanted, revision=form.whole_number("revision"))
    return visit.go(address("keys", changed.key.id), "The key was changed.")


def _date(form: Form, name: str, present: Microseconds | None) -> Microseconds | None:
    """As custody takes it: None for what stays, to the minute that the page shows."""
    if name not in form.values or form.text(name) == for_input(present):
        return None
    given = form.date(name)
    return NO_DATE if given is None else given


def _days(form: Form, name: str, present: int | None) -> int | None:
    """As custody takes it: None for what stays."""
    given = form.whole_number(name)
    if given == present:
        return None
    return NEVER if given is None else given


def _form_of(detail: KeyDetail, policy: PolicyDetail | None) -> Form:
    key, version, schedule = detail.key, detail.version, Schedule.of(detail.key)
    return Form.showing(
        name=key.name or "",
        description=key.description or "",
        activation_date=for_input(version.activation_date),
        deactivation_date=for_input(version.deactivation_date),
        rotation_every=str(schedule.every_days or ""),
        rotation_before=str(schedule.before_deactivation_days or ""),
        revision=str(key.revision),
        **shown(policy),
    )


routes = [form_page("/keys/{id}/edit", show_edit, edit)]
