"""Callers of every standing, and callers who must not get in any more."""

from collections.abc import Callable
from dataclasses import dataclass, replace
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
from keyferry.testing import ADDRESS, ADMINISTRATOR, PASSWORD, Kit

GROUP = "payments"
ELSEWHERE = "203.0.113.9"
OUTSIDE = "198.51.100.9"
#: what the server admits: all that these tests come from, but OUTSIDE
ADMITTED = ("127.0.0.0/8", "203.0.113.0/24", "2001:db8::/31")
HOUR = 3600 * 1_000_000
#: of the form of a token, and of none that was issued
NEVER_ISSUED = "kf_" + "0" * 32 + "_" + "0" * 64 + "_00000000"


@dataclass(frozen=True)
class Session:
    """Somebody as custody knows them, and the token that makes a door know them so; empty for who can have none."""

    caller: Caller
    token: str = ""

    @property
    def address(self) -> str:
        return self.caller.address or ADDRESS

    def at(self, address: str) -> "Session":
        """The same, coming from another address."""
        return replace(self, caller=Caller(self.caller.user_id, self.caller.token_id, address))


def session(kit: Kit, name: str, address: str = ADDRESS) -> Session:
    """A fresh session of somebody for whom a password is enough."""
    token = kit.token(name, address=address)
    return Session(kit.installation.authenticator.authenticate(token, address), token)


def people_of(kit: Kit) -> dict[str, Session]:
    """Who are who they say: an Administrator, two members of the group, one who belongs to none of it, an Auditor."""
    for name, role, groups in (
        ("owner", Role.KEY_ACCESS_USER, (GROUP,)),
        ("member", Role.KEY_ACCESS_USER, (GROUP,)),
        ("stranger", Role.KEY_ACCESS_USER, ("elsewhere",)),
        ("auditor", Role.AUDITOR, ()),
    ):
        kit.user(name, role, groups)
    people = {name: session(kit, name) for name in ("owner", "member", "stranger", "auditor")}
    return {"administrator": session(kit, ADMINISTRATOR), **people}


def fresh(kit: Kit, role: Role) -> Session:
    """A new user, of the group if a Key Access User, else of none."""
    groups = (GROUP,) if role is Role.KEY_ACCESS_USER else ()
    name = f"u.{new_id()[-12:]}"
    new = NewUser(name=name, role=role, password=Secret(PASSWORD.encode()), groups=groups)
    kit.custody.users.create(kit.administrator, new)
    return session(kit, name)


def narrowed(kit: Kit, by: Session, **scope: tuple[str, ...]) -> Session:
    """A token of the same person, for a part of what they may do, or for some networks."""
    issued = kit.custody.tokens.create(by.caller, "narrow", HOUR, scope=TokenScope(**scope))
    return Session(Caller(by.caller.user_id, issued.token.id, by.address), issued.text.reveal().decode())


def _issue(kit: Kit, caller: Caller) -> Certificate:
    """A certificate for the caller themselves; its private key is thrown away."""
    return kit.custody.certificates.issue(caller, NewCertificate(name="script", form=BundleForm.PEM)).certificate


def shut_out(kit: Kit, role: Role, come_in: Callable[[Session], None] = lambda _: None) -> dict[str, Session]:
    """Callers of a role who have had a good token once, by what has happened since.

    Args:
        come_in: what each does with it while it is good.
    """
    users, admin = kit.custody.users, kit.administrator
    found = {}

    def was_in() -> Session:
        made = fresh(kit, role)
        come_in(made)
        return made

    def out(what: str) -> Session:
        found[what] = was_in()
        return found[what]

    users.disable(admin, out("disabled").caller.user_id)
    users.delete(admin, out("deleted").caller.user_id)
    users.set_password(
        admin, out("with a session from before a new password").caller.user_id, Secret(b"other-lan-7-tern")
    )
    kit.custody.tokens.revoke(admin, out("with a revoked token").caller.token_id or "")
    with time_machine.travel(datetime.now(UTC) - timedelta(days=2), tick=False):
        out("with an expired token")

    inside = was_in()
    users.edit(admin, inside.caller.user_id, UserEdit(networks=("127.0.0.0/8", "2001:db8::/32")))
    for what, address in (("wrong", ELSEWHERE), ("wrong mapped", f"::ffff:{ELSEWHERE}"), ("wrong IPv6", "2001:db9::1")):
        found[f"from a {what} network"] = inside.at(address)
    outside = was_in()
    for what, address in (("an", OUTSIDE), ("a mapped", f"::ffff:{OUTSIDE}"), ("an unknown", "unknown")):
        found[f"from {what} address that the server admits not"] = outside.at(address)
    found["with a token for other networks"] = narrowed(kit, fresh(kit, role), networks=("192.0.2.0/24",))
    found["with a token that never was"] = Session(Caller(outside.caller.user_id, new_id(), ADDRESS), NEVER_ISSUED)
    return found | _only_in_custody(kit, role)


def _only_in_custody(kit: Kit, role: Role) -> dict[str, Session]:
    """Callers whom no token stands for: as if a door had been led astray."""
    certificates, admin = kit.custody.certificates, kit.administrator
    holder, thief = fresh(kit, role).caller, fresh(kit, role).caller
    ended, begun = _issue(kit, holder), _issue(kit, holder)
    certificates.revoke(holder, ended.id)
    session_of_certificate = kit.custody.tokens.open_session(Caller(holder.user_id, None, ADDRESS, begun.id), epoch=1)
    assert isinstance(session_of_certificate, IssuedToken)
    certificates.revoke(holder, begun.id)
    callers = {
        "with a revoked certificate": Caller(holder.user_id, None, ADDRESS, ended.id),
        "with another's certificate": Caller(admin.user_id, None, ADDRESS, _issue(kit, holder).id),
        "with a certificate that never was": Caller(holder.user_id, None, ADDRESS, new_id()),
        "with a ticket that never was": Caller(holder.user_id, None, ADDRESS, ticket_id=new_id()),
        "with another's token": Caller(thief.user_id, admin.token_id, ADDRESS),
    }
    found = {what: Session(caller) for what, caller in callers.items()}
    begun_by_certificate = Caller(holder.user_id, session_of_certificate.token.id, ADDRESS)
    found["with a session that a revoked certificate began"] = Session(
        begun_by_certificate, session_of_certificate.text.reveal().decode()
    )
    return found
