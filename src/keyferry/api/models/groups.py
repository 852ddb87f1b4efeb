"""Groups, as requests and answers. What people call a group's id is its slug."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from keyferry.api.models.approvals import ApprovalPolicyGiven, wish_of
from keyferry.api.models.users import cleared
from keyferry.api.models.values import Answer, Line, Name, Request, left_out, when
from keyferry.custody.groups import GroupEdit
from keyferry.store.records import Group


class KekPolicy(StrEnum):
    """Whose KEKs a group's exports accept; `inherit` is the server's setting."""

    INHERIT = "inherit"
    ANY = "any"
    REGISTERED = "registered"


class GroupCreation(Request):
    """A new group."""

    id: Annotated[Name, Field(examples=["payments"])]
    description: Line | None = None
    kek_policy: KekPolicy = KekPolicy.INHERIT


class GroupChange(Request):
    """What to change (RFC 7396): what is left out stays, null clears."""

    description: Line | None = None
    kek_policy: KekPolicy = left_out()
    approvals: ApprovalPolicyGiven | None = None

    def edit(self) -> GroupEdit:
        """As custody takes it."""
        return GroupEdit(
            description=cleared(self, "description"),
            kek_policy=self.kek_policy,
            approvals=wish_of(self, self.approvals),
        )


class GroupAnswer(Answer):
    """A group, under the id that people know it by."""

    id: str
    description: str | None
    kek_policy: KekPolicy
    needs_approvals: bool = Field(description="Whether it has an approval policy: `/groups/{group}/approvals`.")
    created_at: str
    revision: int

    @classmethod
    def of(cls, group: Group) -> "GroupAnswer":
        """From custody's record."""
        return cls(
            id=group.name,
            description=group.description,
            kek_policy=KekPolicy.INHERIT if group.kek_policy is None else KekPolicy(group.kek_policy),
            needs_approvals=group.approvals is not None,
            created_at=when(group.created_at) or "",
            revision=group.revision,
        )
