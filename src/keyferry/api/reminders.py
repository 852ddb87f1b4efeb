"""Reminders of what is to come to keys, and the works that servers do by themselves."""

from typing import Annotated

from fastapi import Query

from keyferry.api.callers import Visiting
from keyferry.api.documented import READING
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.reminders import JobAnswer, ReminderAnswer
from keyferry.api.routers import guarded_router

router = guarded_router("reminders")


@router.get("/reminders", responses=READING)
async def list_reminders(query: Annotated[PageQuery, Query()], visit: Visiting) -> PageAnswer[ReminderAnswer]:
    """Of all keys for an Administrator; of one's own and one's groups' for a Key Access User. A reminder goes when its
    date has passed or was moved.
    """
    page = await visit.ask(visit.custody.reminders.list, size=page_size(query.limit, visit.settings), after=query.after)
    return PageAnswer(items=[ReminderAnswer.of(reminder) for reminder in page.items], next=page.next)


@router.get("/jobs", responses=READING)
async def list_jobs(visit: Visiting) -> PageAnswer[JobAnswer]:
    """What each server process does by itself, when it did it last and will do it next, and what went wrong; for
    Administrators. A process tells of itself once a minute, and when something fails. All in one page.
    """
    found = await visit.ask(visit.custody.job_runs.list)
    return PageAnswer(items=[JobAnswer.of(run) for run in found], next=None)
