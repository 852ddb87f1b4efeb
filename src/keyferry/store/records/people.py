"""Users, groups, and who is in which."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Revised):
    name: str
    name_folded: str
    role: str
    display_name: str | None = None
    email: str | None = None
    default_group_id: str | None = None
    password_hash: str | None = None
    password_set_by: str | None = None
    password_set_at: int | None = None
    must_change: bool | None = None
    factors: int | None = None
    factors_reset_by: str | None = None
    factors_reset_at: int | None = None
    disabled: bool = False
    networks: str | None = None
    token_epoch: int = 1
    created_at: int
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Revised):
    name: str
    description: str | None = None
    kek_policy: str | None = None
    approvals: str | None = None
    created_at: int
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership(Revised):
    user_id: str
    group_id: str
    created_at: int
    created_by: str
