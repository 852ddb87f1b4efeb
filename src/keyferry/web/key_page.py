"""A key's page: what it is, how its life went, where its copies are, and what may be done."""

from starlette.responses import Response

from keyferry.custody.approvals import PolicyDetail
from keyferry.custody.key_life import Happening, LifeEvent
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.schedules import Schedule
from keyferry.doors.pem import PEM_TYPE, pem
from keyferry.errors import NotFound
from keyferry.store.records import Key
from keyferry.web.addresses import address
from keyferry.web.approval_fields import options_of
from keyferry.web.deployed import anew, of_key
from keyferry.web.forms import Form
from keyferry.web.key_copies import copies_of, deployments_of
from keyferry.web.pages import page
from keyferry.web.visits import Visit

#: how many lines of a list are in sight; the rest is folded away
IN_SIGHT = 10

#: what has happened, and what is going to
_HAPPENED = {
    Happening.GENERATED: "Version {} was generated",
    Happening.IMPORTED: "Version {} was imported",
    Happening.ACTIVATED: "Version {} became active",
    Happening.EXPORTED: "Version {} was exported",
    Happening.ARRIVED: "Version {} was imported into a vault",
    Happening.USED: "Version {} was last used",
    Happening.DEACTIVATED: "Version {} was deactivated",
    Happening.COMPROMISED: "Version {} was marked compromised",
    Happening.ROTATED: "Version {} was rotated",
    Happening.ERASED: "Version {} was destroyed: its key material was erased",
}
_AHEAD = {
    Happening.ACTIVATED: "Version {} becomes active",
    Happening.DEACTIVATED: "Version {} is deactivated",
    Happening.ROTATED: "Rotation is due: a new version takes the place of version {}",
    Happening.ERASED: "Version {} is destroyed: its key material is erased",
}


async def show_key(visit: Visit) -> Response:
    """A key's page."""
    return await show(visit, Form())


async def show(visit: Visit, form: Form) -> Response:
    """A key's page, with what was refused of a button on it."""
    custody, reference = visit.custody, visit.path("id")
    versions = await visit.ask(custody.keys.versions, reference)
    detail = next(each for each in versions if each.is_current)
    key = detail.key
    life = await visit.ask(custody.key_life.show, key.id)
    copies = await copies_of(visit, key.id)
    return visit.page(
        "key/show.html",
        form=form,
        key=key,
        detail=detail,
        versions=versions[::-1],
        choices=await visit.ask(custody.key_choices.show, key.id),
        life=life,
        happened=[each for each in life.events if not each.ahead][::-1],
        ahead=[each for each in life.events if each.ahead],
        copies=copies,
        deployed=of_key(copies.deployments, key.id),
        said=False,
        users=await visit.ask(custody.key_access.list, key.id),
        reminders=(await visit.ask(custody.reminders.list, size=IN_SIGHT, key=key.id)).items,
        schedule=schedule_words(key),
        public_key=public_pem(detail),
        policies=await policies_of(visit, detail),
        approval_options=options_of(of_key=False),
        words=words_of,
        in_sight=IN_SIGHT,
    )


async def follow(visit: Visit) -> Response:
    """The part of a key's page that tells of its deployments, for a script that follows a push."""
    key_id = (await visit.ask(visit.custody.keys.show, visit.path("id"))).key.id
    if not visit.wants_part:
        return visit.go(address("keys", key_id))
    return anew(visit, of_key(await deployments_of(visit, key_id), key_id))


async def policies_of(visit: Visit, detail: KeyDetail) -> list[tuple[str, PolicyDetail | None]]:
    """What needs approval by the key's own policy, and by its group's, with whose it is."""
    approvals = visit.custody.approvals
    found = [("this key", await visit.ask(approvals.policy_of_key, detail.key.id))]
    if detail.key.owner_group_id is not None:
        policy = await visit.ask(approvals.policy_of_group, detail.key.owner_group_id)
        found.append((f"the group {detail.owner.name}", policy))
    return found


async def download_public_key(visit: Visit) -> Response:
    """The public key of a version as a .pem file."""
    wanted = visit.query("version")
    number = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 9 else None
    detail = await visit.ask(visit.custody.keys.show, visit.path("id"), version=number)
    text = public_pem(detail)
    if text is None:
        raise NotFound("A symmetric key has no public key.", advice="Compare symmetric keys by their check value.")
    name = f"{detail.key.name or detail.key.id}-{detail.version.number}.pem"
    return Response(text, headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=PEM_TYPE)


def public_pem(detail: KeyDetail) -> str | None:
    """A version's public key; None for a symmetric key."""
    return None if detail.version.public_key is None else pem(detail.version.public_key)


def schedule_words(key: Key) -> str | None:
    """When a key is rotated by itself, in a few words; None for never."""
    schedule = Schedule.of(key)
    parts = []
    if schedule.every_days is not None:
        parts.append(f"every {_days(schedule.every_days)}")
    if schedule.before_deactivation_days is not None:
        parts.append(f"{_days(schedule.before_deactivation_days)} before deactivation")
    return ", ".join(parts) or None


def words_of(event: LifeEvent) -> str:
    """What happened, or will, in a sentence without its end."""
    said = (_AHEAD if event.ahead else _HAPPENED)[event.what].format(event.version)
    return f"{said} by {event.by}" if event.by else said


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


routes = [
    page("/keys/{id}", show_key),
    page("/keys/{id}/deployments", follow),
    page("/keys/{id}/public-key", download_public_key),
]
