"""What waits for the approval of others, and what they said."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised, Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest(Revised):
    operation: str
    covered_as: str
    object_type: str
    object_id: str | None = None
    object_name: str | None = None
    requester_id: str
    digest: bytes
    facts: str
    policies: str
    state: str
    votes: int = 0
    expires_at: int
    ended_at: int | None = None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalVote(Sealed):
    request_id: str
    user_id: str
    decision: str
    note: str | None = None
    created_at: int
