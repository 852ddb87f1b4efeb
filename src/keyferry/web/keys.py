"""The list of keys: searched, narrowed, sorted, page by page."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from keyferry.clock import DAY
from keyferry.clock import now as clock_now
from keyferry.custody.finding import FoundKeys, Wanted
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.key_orders import Sort
from keyferry.custody.lifecycle import State
from keyferry.doors.statuses import status_of
from keyferry.errors import InvalidInput, KeyferryError, NotPermitted
from keyferry.material.algorithms import ALGORITHMS
from keyferry.web.forms import Form
from keyferry.web.pages import page
from keyferry.web.visits import Visit, address

#: a key whose current version is deactivated within so many days is marked
SOON_DAYS: Final = 30
WITHIN_DAYS: Final = (7, 30, 90, 365)
_PENDING: Final = "destruction-pending"
_FIELDS: Final = ("search", "state", "type", "group", "owner", "expiring")

#: the columns that can be sorted: words, the order in which they are sorted first, and the other way round
_COLUMNS: Final = (
    ("name", "Key Name", Sort.NAME, Sort.NAME_BACKWARD),
    ("deactivation_date", "Deactivation", Sort.SOONEST, Sort.LATEST),
    ("created", "Created", Sort.NEWEST, Sort.OLDEST),
)


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column that can be sorted."""

    label: str
    address: str
    sorted: str


async def list_keys(visit: Visit) -> Response:
    """All keys for an Administrator, one's own and one's groups' for others; the part that changes, for a script."""
    form = Form.showing(**{name: visit.query(name) for name in (*_FIELDS, "sort")})
    status, found = 200, FoundKeys((), None, None, is_cut=False)
    try:
        wanted = _wanted(form)
        found = await visit.ask(
            visit.custody.finding.find,
            wanted,
            size=visit.page_size,
            after=visit.query("after") or None,
            before=visit.query("before") or None,
        )
    except NotPermitted:
        raise
    except KeyferryError as refusal:
        form, status, wanted = form.refused(refusal), status_of(refusal), Wanted(sort=Sort.NEWEST)
    context = {
        "form": form,
        "found": found,
        "columns": _columns(form, wanted.sort),
        "is_narrowed": any(form.text(name) for name in _FIELDS),
        "summary": _summary(found),
        "next": _page_address(form, after=found.next),
        "previous": _page_address(form, before=found.previous),
        "first": _page_address(form) if visit.query("after") or visit.query("before") else "",
        "ends_soon": ends_soon,
    }
    if visit.wants_part:
        response = visit.part("keys/table.html", **context)
        response.status_code = status
        return response
    total = await visit.ask(visit.custody.finding.total)
    return visit.page("keys/list.html", status=status, **context, **_choices(visit), total=total)


def _summary(found: FoundKeys) -> str:
    """For whoever does not see the list change."""
    if not found.items:
        return "Nothing found so far." if found.next else "Nothing found."
    many = f"{len(found.items)} or more" if found.next else str(len(found.items))
    return f"{many} {'key' if many == '1' else 'keys'} found."


def ends_soon(detail: KeyDetail) -> bool:
    """Whether a key in use is deactivated within the next days."""
    date = detail.version.deactivation_date
    in_use = detail.state in {State.PRE_ACTIVE, State.ACTIVE} and detail.version.destroy_at is None
    return in_use and date is not None and date <= clock_now() + SOON_DAYS * DAY


def _wanted(form: Form) -> Wanted:
    """
    Raises:
        InvalidInput: a value that no choice of the page gives.
    """
    state, pending = form.text("state"), None
    if state == _PENDING:
        state, pending = "", True
    return Wanted(
        search=form.optional("search"),
        state=State(_one_of(state, State, "state")) if state else None,
        pending=pending,
        algorithm=form.optional("type"),
        group=form.optional("group"),
        owner=form.optional("owner"),
        expiring=form.whole_number("expiring"),
        sort=Sort(_one_of(form.text("sort") or Sort.NEWEST, Sort, "sort")),
    )


def _one_of(given: str, known: type[State] | type[Sort], field: str) -> str:
    if given not in {each.value for each in known}:
        advice = f"Give one of {', '.join(known)}."
        raise InvalidInput(f"{given[:40]!r} is no {field}.", field=field, advice=advice)
    return given


def _columns(form: Form, sort: Sort) -> dict[str, Column]:
    found = {}
    for field, label, first, second in _COLUMNS:
        other = second if sort is first else first
        direction = "" if sort.field != field else "descending" if sort.falling else "ascending"
        found[field] = Column(label, _address(form, sort=other.value), direction)
    return found


def _address(form: Form, **more: str) -> str:
    return address("keys", **{name: form.text(name) for name in _FIELDS}, **more)


def _page_address(form: Form, **cursor: str | None) -> str:
    if None in cursor.values():
        return ""
    return _address(form, sort=form.text("sort"), **{name: text or "" for name, text in cursor.items()})


def _choices(visit: Visit) -> dict[str, list[tuple[str, str]]]:
    return {
        "states": [("", "Any state"), *((each.value, each.value) for each in State), (_PENDING, "destruction pending")],
        "types": [("", "Any type"), *((name, name) for name in ALGORITHMS)],
        "groups": [("", "Any group"), *((name, name) for name in visit.person.groups)],
        "within": [("", "Any time"), *((str(days), f"Within {days} days") for days in WITHIN_DAYS)],
    }


routes = [page("/keys", list_keys)]
