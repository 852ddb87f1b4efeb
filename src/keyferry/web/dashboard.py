"""The first page: how many keys, of which kind, what is done with them, what is due, and where they have gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from keyferry.custody.audit_search import Sought
from keyferry.custody.key_metrics import DayCount, KeyMetrics
from keyferry.store.records import AuditEvent
from keyferry.web import charts
from keyferry.web.addresses import address
from keyferry.web.pages import page
from keyferry.web.visits import Visit

PERIODS: Final = (7, 30, 90)
_USUAL: Final = 30
_REFUSALS: Final = 8
_REMINDERS: Final = 8
#: in the order of a key's life
_STATES: Final = ("pre-active", "active", "deactivated", "compromised", "destroyed", "destroyed-compromised")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a new installation still needs, for the Administrator."""

    has_groups: bool
    has_users: bool


async def show(visit: Visit) -> Response:
    """Administrators and Auditors see everybody's keys, a Key Access User theirs."""
    period = _period(visit.query("days"))
    figures = await visit.ask(visit.custody.metrics.show, days=period)
    if not figures.total and not any(figures.operations.values()):
        return visit.page("dashboard/beginning.html", beginning=await _beginning(visit))
    reminders = await visit.ask(visit.custody.reminders.list, size=_REMINDERS)
    return visit.page(
        "dashboard/show.html",
        figures=figures,
        period=period,
        periods=PERIODS,
        charts=_charts(figures),
        days=_day_charts(figures.days),
        reminders=reminders,
        refusals=await _refusals(visit),
        places=await visit.ask(visit.custody.metrics.places),
    )


def _charts(figures: KeyMetrics) -> Sequence[charts.Bars]:
    states = {name: figures.by_state[name] for name in _STATES if name in figures.by_state}
    return (
        charts.bars("Keys by state", "Keys", states, addresses=_listing("state", states)),
        charts.bars("Keys by type", "Keys", figures.by_type, addresses=_listing("type", figures.by_type), one=True),
        charts.bars("Keys by age of their current version", "Keys", figures.by_age, one=True),
    )


def _listing(name: str, labels: Mapping[str, int]) -> Mapping[str, str]:
    return {label: address("keys", **{name: label}) for label in labels}


def _day_charts(days: Sequence[DayCount]) -> Sequence[charts.Days]:
    """Uses have a chart of their own: there are so many more of them that the others would not be seen beside them."""
    at = [day.at for day in days]
    made = {
        "Created": [day.created for day in days],
        "Rotated": [day.rotated for day in days],
        "Exported": [day.exported for day in days],
    }
    used = {"Used": [day.used for day in days]}
    return (
        charts.days("made", "Created, rotated and exported", made, at),
        charts.days("used", "Used", used, at),
    )


async def _refusals(visit: Visit) -> Sequence[AuditEvent]:
    """Everybody's for those who read the audit log, else one's own."""
    if not visit.sees_everything:
        return await visit.ask(visit.custody.metrics.refusals, size=_REFUSALS)
    found = await visit.ask(
        visit.custody.audit.list, size=_REFUSALS, sought=Sought(outcome="refused"), newest_first=True
    )
    return found.items


async def _beginning(visit: Visit) -> Beginning | None:
    if not visit.is_administrator:
        return None
    groups = await visit.ask(visit.custody.groups.list, size=1)
    users = await visit.ask(visit.custody.users.list, size=2)
    return Beginning(bool(groups.items), len(users.items) > 1)


def _period(given: str) -> int:
    return int(given) if given in {str(each) for each in PERIODS} else _USUAL


routes = [page("/", show)]
