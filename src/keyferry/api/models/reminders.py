"""Reminders, and the works that a server does by itself, as answers."""

from keyferry.api.models.keys import OwnerAnswer
from keyferry.api.models.values import Answer, when
from keyferry.custody.job_runs import JobRun
from keyferry.custody.reminders import About, Reminder


class ReminderAnswer(Answer):
    """What a key's current version is about to do: stop protecting, or be followed by a new one.

    `days` is how many days ahead it was said; 0: a rotation was due, and the version is not active.
    """

    id: str
    about: About
    due_at: str
    days: int
    key: str
    name: str | None
    owner: OwnerAnswer
    version: int
    created_at: str

    @classmethod
    def of(cls, reminder: Reminder) -> "ReminderAnswer":
        """From custody's."""
        owner = reminder.owner
        return cls(
            id=reminder.id,
            about=reminder.about,
            due_at=when(reminder.due_at) or "",
            days=reminder.days,
            key=reminder.key.id,
            name=reminder.key.name,
            owner=OwnerAnswer(
                user=None if owner.user_id is None else owner.name, group=None if owner.group_id is None else owner.name
            ),
            version=reminder.version.number,
            created_at=when(reminder.created_at) or "",
        )


class JobAnswer(Answer):
    """A periodic work in one server process.

    `holds_lease` says of a work that one node does for all whether this is the one, and is null of others; `alive`
    whether the process has been heard of within three minutes. Times are null for never.
    """

    name: str
    node: str
    host: str
    holds_lease: bool | None
    alive: bool
    last_at: str | None
    next_at: str | None
    failed_at: str | None
    failure: str | None

    @classmethod
    def of(cls, run: JobRun) -> "JobAnswer":
        """From custody's."""
        return cls(
            name=run.name,
            node=run.node,
            host=run.host,
            holds_lease=run.holds_lease,
            alive=run.alive,
            last_at=when(run.last_at),
            next_at=when(run.next_at),
            failed_at=when(run.failed_at),
            failure=run.failure,
        )
