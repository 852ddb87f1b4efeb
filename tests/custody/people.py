"""Callers of every standing, and callers who must not get in any more."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import time_machine

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.certificates import BundleForm, NewCertificate
from keyferry.custody.opening import IssuedToken
from keyferry.custody.policy import Role
from keyferry.custody.token_scopes import TokenScope
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.store.records import Certificate
from keyferry.testing import ADDRESS, PASSWORD, Kit

GROUP = "payments"
ELSEWHERE = "203.0.113.9"
OUTSIDE = "198.51.100.9"
#: what the server admits: all that these tests come from, but OUTSIDE
ADMITTED = ("127.0.0.0/8", "203.0.113.0/24", "2001:db8::/31")
HOUR = 3600 * 1_000_000


@dataclass(frozen=True)
class People:
    """Who are who they say: an Administrator, two members of the group, one who belongs to none of it, an Auditor."""

    administrator: Caller
    owner: Caller
    member: Caller
    stranger: Caller
    auditor: Caller

    @classmethod
    def of(cls, kit: Kit) -> "People":
        return cls(
            kit.administrator,
            kit.user("owner", groups=(GROUP,)),
            kit.user("member", groups=(GROUP,)),
            kit.user("stranger", groups=("elsewhere",)),
            kit.user("auditor", Role.AUDITOR),
        )


def fresh_user(kit: Kit, role: Role = Role.KEY_ACCESS_USER) -> str:
    """The id of a new user, of the group if a Key Access User, else of none."""
    groups = (GROUP,) if role is Role.KEY_ACCESS_USER else ()
    new = NewUser(name=f"u.{new_id()[-12:]}", role=role, password=Secret(PASSWORD.encode()), groups=groups)
    return kit.custody.users.create(kit.administrator, new).user.id


def sign_in(kit: Kit, user_id: str) -> Caller:
    return kit.sign_in(kit.custody.users.show(kit.administrator, user_id).user.name)


def issue(kit: Kit, caller: Caller, name: str = "script") -> Certificate:
    """A certificate for the caller themselves; its private key is thrown away."""
    return kit.custody.certificates.issue(caller, NewCertificate(name=name, form=BundleForm.PEM)).certificate


def shut_out(kit: Kit, role: Role) -> dict[str, Caller]:
    """Callers of a role who have had a good token once, by what has happened since."""
    users = kit.custody.users
    callers = {}

    disabled = sign_in(kit, fresh_user(kit, role))
    users.disable(kit.administrator, disabled.user_id)
    callers["disabled"] = disabled

    inside = sign_in(kit, fresh_user(kit, role))
    users.edit(kit.administrator, inside.user_id, UserEdit(networks=("127.0.0.0/8", "2001:db8::/32")))
    callers["from a wrong network"] = Caller(inside.user_id, inside.token_id, ELSEWHERE)
    callers["from a wrong mapped network"] = Caller(inside.user_id, inside.token_id, f"::ffff:{ELSEWHERE}")
    callers["from a wrong IPv6 network"] = Caller(inside.user_id, inside.token_id, "2001:db9::1")

    late = fresh_user(kit, role)
    with time_machine.travel(datetime.now(UTC) - timedelta(days=2), tick=False):
        callers["with an expired token"] = sign_in(kit, late)

    certified = sign_in(kit, fresh_user(kit, role))
    ended = issue(kit, certified)
    kit.custody.certificates.revoke(certified, ended.id)
    callers["with a revoked certificate"] = Caller(certified.user_id, None, certified.address, ended.id)
    callers["with another's certificate"] = Caller(kit.administrator.user_id, None, ADDRESS, issue(kit, certified).id)
    callers["with a certificate that never was"] = Caller(certified.user_id, None, certified.address, new_id())
    from_certificate = Caller(certified.user_id, None, certified.address, issue(kit, certified).id)
    opened = kit.custody.tokens.open_session(from_certificate, epoch=1)
    assert isinstance(opened, IssuedToken)
    begun = opened.token
    kit.custody.certificates.revoke(certified, begun.certificate_id or "")
    callers["with a session that a revoked certificate began"] = Caller(certified.user_id, begun.id, certified.address)

    outside = sign_in(kit, fresh_user(kit, role))
    for what, address in (("an", OUTSIDE), ("a mapped", f"::ffff:{OUTSIDE}"), ("an unknown", "unknown")):
        callers[f"from {what} address that the server admits not"] = Caller(outside.user_id, outside.token_id, address)
    narrow = sign_in(kit, fresh_user(kit, role))
    carried = kit.custody.tokens.create(narrow, "elsewhere", HOUR, scope=TokenScope(networks=("192.0.2.0/24",))).token
    callers["with a token for other networks"] = Caller(narrow.user_id, carried.id, narrow.address)

    half = sign_in(kit, fresh_user(kit, role))
    callers["with a ticket that never was"] = Caller(half.user_id, None, half.address, ticket_id=new_id())

    revoked = sign_in(kit, fresh_user(kit, role))
    kit.custody.tokens.revoke(kit.administrator, revoked.token_id or "")
    callers["with a revoked token"] = revoked

    reset = sign_in(kit, fresh_user(kit, role))
    users.set_password(kit.administrator, reset.user_id, Secret(b"other-lantern-harbour-7"))
    callers["whose password was set since"] = reset

    gone = sign_in(kit, fresh_user(kit, role))
    users.delete(kit.administrator, gone.user_id)
    callers["deleted"] = gone

    thief = sign_in(kit, fresh_user(kit, role))
    callers["with another's token"] = Caller(thief.user_id, kit.administrator.token_id, thief.address)
    callers["with a token that never was"] = Caller(thief.user_id, new_id(), thief.address)
    return callers
