"""People who ask, and people who approve."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from keyferry.clock import SECOND
from keyferry.custody.accounts import BY_NAME, NewUser
from keyferry.custody.approval_policy import ApprovalWish
from keyferry.custody.approvals import ApprovalDetail
from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.custody.groups import GroupEdit
from keyferry.custody.keys import KeyEdit
from keyferry.custody.opening import IssuedToken
from keyferry.custody.policy import Covered, Role
from keyferry.errors import ApprovalRequired
from keyferry.ids import new_id
from keyferry.store.records import User
from keyferry.store.sealed import USERS, Lock
from keyferry.testing import ADDRESS, Kit

GROUP = "payments"
EVERYTHING = tuple(each.value for each in Covered)
OF_KEYS = tuple(each.value for each in Covered if each not in {Covered.KEK_REGISTRATION, Covered.SERVER_POLICY})
HOUR = 3600 * SECOND


@dataclass
class Asked:
    """The id of the request, once the block was refused."""

    id: str = ""


@dataclass(frozen=True)
class Board:
    """Kim and Max are in the group payments; Lee, Sam and Pat, who are in none, are those who approve."""

    kit: Kit
    kim: Caller
    max: Caller
    lee: Caller
    sam: Caller
    pat: Caller
    with_factors: list[str] = field(default_factory=list)
    providers: list[str] = field(default_factory=list)
    _members: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, kit: Kit) -> "Board":
        kit.group(GROUP)
        for name in ("kim", "max", "lee", "sam", "pat"):  # without passwords: weighing one takes a while
            groups = (GROUP,) if name in {"kim", "max"} else ()
            kit.custody.users.create(kit.administrator, NewUser(name=name, role=Role.KEY_ACCESS_USER, groups=groups))
        kim, max_, lee, sam, pat = (session_of(kit, name) for name in ("kim", "max", "lee", "sam", "pat"))
        return cls(kit, kim, max_, lee, sam, pat)

    def with_members(self, number: int) -> None:
        """Have some more in the group, before anything of it is covered."""
        for _ in range(number):
            name = f"m{new_id()[-10:]}"
            new = NewUser(name=name, role=Role.KEY_ACCESS_USER, groups=(GROUP,))
            self.custody.users.create(self.admin, new)
            self._members.append(name)

    def member(self) -> str:
        """One of these; each once."""
        return self._members.pop()

    def stranger(self) -> str:
        """Somebody in no group."""
        name = f"s{new_id()[-10:]}"
        self.custody.users.create(self.admin, NewUser(name=name, role=Role.KEY_ACCESS_USER))
        return name

    def sign_in(self, name: str) -> Caller:
        return session_of(self.kit, name)

    @property
    def custody(self) -> Custody:
        return self.kit.custody

    @property
    def admin(self) -> Caller:
        return self.kit.administrator

    def cover_group(
        self,
        *operations: str,
        needed: int = 2,
        approvers: tuple[str, ...] = ("lee", "sam", "pat"),
        lifetime: int = 24 * HOUR,
        group: str = GROUP,
    ) -> None:
        wish = ApprovalWish(operations or EVERYTHING, needed, approvers, lifetime)
        self.custody.groups.edit(self.admin, group, GroupEdit(approvals=wish))

    def cover_key(
        self, key: str, *operations: str, needed: int = 1, approvers: tuple[str, ...] = ("lee", "sam")
    ) -> None:
        wish = ApprovalWish(operations or OF_KEYS, needed, approvers)
        self.custody.keys.edit(self.kim, key, KeyEdit(approvals=wish))

    def key(self, name: str, **more: object) -> str:
        return self.kit.key(self.kim, "ec-p256", name, group=GROUP, **more).key.id

    @contextmanager
    def needs_approval(self) -> Iterator[Asked]:
        """The block is refused, and says which request waits for whom."""
        asked = Asked()
        with pytest.raises(ApprovalRequired) as caught:
            yield asked
        assert caught.value.code == "approval-required"
        assert caught.value.approval_request, caught.value.advice
        asked.id = caught.value.approval_request
        assert asked.id in caught.value.advice

    def asked(self, ask: Callable[[], object]) -> str:
        """The id of the request that is filed when this is asked for."""
        with self.needs_approval() as asked:
            ask()
        return asked.id

    def approve(self, request: str, *people: Caller) -> ApprovalDetail:
        for person in people or (self.lee, self.sam):
            self.custody.approvals.approve(person, request)
        return self.show(request)

    def show(self, request: str) -> ApprovalDetail:
        return self.custody.approvals.show(self.admin, request)


def session_of(kit: Kit, name: str) -> Caller:
    """The caller of a fresh session, as after a sign-in."""
    user = load_by_name(kit, name)
    issued = kit.custody.tokens.open_session(Caller(user.id, None, ADDRESS), epoch=user.token_epoch)
    assert isinstance(issued, IssuedToken)
    return Caller(user.id, issued.token.id, ADDRESS)


def load_by_name(kit: Kit, name: str) -> User:
    found = kit.installation.store.read(
        lambda tx: USERS.first(tx, kit.installation.sealer, BY_NAME.held(Lock.NONE), name=name)
    )
    assert found is not None
    return found


def request_id_in(text: str) -> str:
    found = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)
    assert found, text
    return found.group()
