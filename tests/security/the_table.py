"""The table of who gets what: every operation, for everybody who may ask, written by hand from docs/architecture.md.

It says what each door must answer; how each door is asked stands in `ways_of_custody.py`, `ways_of_rest.py`,
`ways_of_the_console.py` and `ways_of_the_command_line.py`. Nothing here is read from `custody/policy.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

OK, DENIED, HIDDEN, INVALID = "ok", "not-permitted", "not-found", "invalid-input"
#: past every question of who may, and then stopped by what is not there in a test: a vault, an identity provider
LET_IN = "let in"
NOT_AUTHENTICATED, SECOND_FACTOR_REQUIRED = "not-authenticated", "second-factor-required"

REFUSALS = {DENIED, HIDDEN, INVALID, NOT_AUTHENTICATED, SECOND_FACTOR_REQUIRED}

#: the object is the owner's; for the member, the group's that both are in. What is an account's (a user, a token, a
#: certificate) is the owner's and nobody else's
COLUMNS = ("administrator", "owner", "member", "stranger", "auditor")
Answers = tuple[str, str, str, str, str]

EVERYBODY: Answers = (OK, OK, OK, OK, OK)
ADMINISTRATORS: Answers = (OK, DENIED, DENIED, DENIED, DENIED)
WATCHED: Answers = (OK, DENIED, DENIED, DENIED, OK)  # seen by those who see everything
MINE: Answers = (DENIED, OK, OK, HIDDEN, DENIED)  # changed by owners alone
SEEN: Answers = (OK, OK, OK, HIDDEN, OK)
OVERSEEN: Answers = (OK, OK, OK, HIDDEN, DENIED)  # changed by owners, and by Administrators
OWN: Answers = (OK, OK, HIDDEN, HIDDEN, DENIED)  # an account's own; Administrators change others' too
OWN_SEEN: Answers = (OK, OK, HIDDEN, HIDDEN, OK)
CLOSED: Answers = (OK, HIDDEN, HIDDEN, HIDDEN, DENIED)  # others may not even see that it is there
CLOSED_SEEN: Answers = (OK, HIDDEN, HIDDEN, HIDDEN, OK)
ACCOUNT: Answers = (OK, DENIED, HIDDEN, HIDDEN, DENIED)  # its holder sees it, and may not do this to it
INTO_A_GROUP: Answers = (OK, OK, OK, INVALID, DENIED)  # a group that the stranger is not in is none

EXPECTED: dict[str, Answers] = {
    "server-policy.read": WATCHED,
    "server-policy.edit": ADMINISTRATORS,
    "user.create": ADMINISTRATORS,
    "user.read": OWN_SEEN,
    "user.list": WATCHED,
    "user.edit": ACCOUNT,
    "user.password": OWN,
    "user.invite": CLOSED,
    "user.unlock": ACCOUNT,
    "user.disable": ACCOUNT,
    "user.enable": CLOSED,
    "user.delete": ACCOUNT,
    "group.create": ADMINISTRATORS,
    "group.read": SEEN,
    "group.list": EVERYBODY,  # of what each may see
    "group.edit": (OK, DENIED, DENIED, HIDDEN, DENIED),
    "group.delete": CLOSED,
    "session.open": EVERYBODY,
    "token.create": EVERYBODY,  # one's own
    "token.list": OWN_SEEN,
    "token.revoke": OWN,
    "certificate.issue": OWN,
    "certificate.upload": OWN,
    "certificate.list": OWN_SEEN,
    "certificate.revoke": OWN,
    "certificate-authority.list": WATCHED,
    "certificate-authority.rotate": ADMINISTRATORS,
    "certificate-authority.retire": ADMINISTRATORS,
    "factor.list": OWN_SEEN,
    "factor.add": EVERYBODY,  # one's own
    "factor.remove": (HIDDEN, HIDDEN, HIDDEN, HIDDEN, HIDDEN),  # another's: nobody, an Administrator resets
    "factor.reset": CLOSED,
    "key.generate": INTO_A_GROUP,
    "key.import": (DENIED, OK, OK, INVALID, DENIED),
    "key.read": SEEN,
    "key.list": EVERYBODY,
    "key.edit": MINE,
    "key.reassign": MINE,  # an Administrator, too, once the owner is disabled or deleted
    "key.activate": MINE,
    "key.deactivate": OVERSEEN,
    "key.revoke": OVERSEEN,
    "key.rotate": MINE,
    "key.promote": MINE,
    "key.destroy": MINE,
    "key.cancel-destruction": OVERSEEN,
    "key.use": MINE,
    "key.export": MINE,
    "export.list": SEEN,
    "key.metrics": EVERYBODY,
    "metrics.read": WATCHED,
    "reminder.list": EVERYBODY,
    "kek.register": ADMINISTRATORS,
    "kek.unregister": ADMINISTRATORS,
    "kek.list": EVERYBODY,
    "connection.create": ADMINISTRATORS,
    "connection.read": SEEN,
    "connection.list": EVERYBODY,
    "connection.edit": (OK, DENIED, DENIED, HIDDEN, DENIED),
    "connection.delete": (OK, DENIED, DENIED, HIDDEN, DENIED),
    "connection.use": MINE,
    "deployment.create": MINE,
    "deployment.read": SEEN,
    "deployment.list": SEEN,
    "deployment.advance": MINE,
    "deployment.run": MINE,
    "deployment.observe": MINE,
    "deployment.back-up": MINE,
    "customer-key.draft": (DENIED, OK, OK, INVALID, DENIED),
    "customer-key.read": SEEN,
    "customer-key.list": EVERYBODY,
    "customer-key.edit": MINE,
    "customer-key.check": MINE,
    "customer-key.advance": MINE,
    "identity-provider.create": ADMINISTRATORS,
    "identity-provider.read": CLOSED_SEEN,
    "identity-provider.list": WATCHED,
    "identity-provider.edit": CLOSED,
    "identity-provider.refresh": CLOSED,
    "identity-provider.key": CLOSED,
    "identity-provider.test": CLOSED,
    "identity-provider.enable": CLOSED,
    "identity-provider.disable": CLOSED,
    "identity-provider.delete": CLOSED,
    "identity.bind": ACCOUNT,
    "identity.list": OWN_SEEN,
    "identity.unbind": CLOSED,
    "trusted-issuer.create": ADMINISTRATORS,
    "trusted-issuer.read": CLOSED_SEEN,
    "trusted-issuer.list": WATCHED,
    "trusted-issuer.edit": CLOSED,
    "trusted-issuer.delete": CLOSED,
    "workload.create": ADMINISTRATORS,
    "workload.read": OWN_SEEN,
    "workload.list": EVERYBODY,
    "workload.revoke": OWN,
    # the owner has asked, and the member is named to approve
    "approval.read": SEEN,
    "approval.list": EVERYBODY,
    "approval.approve": (DENIED, DENIED, OK, HIDDEN, DENIED),
    "approval.reject": (DENIED, DENIED, OK, HIDDEN, DENIED),
    "approval.withdraw": (DENIED, OK, DENIED, HIDDEN, DENIED),
    "audit.read": WATCHED,
    "job.list": WATCHED,
}

#: what an operation's name ends with that changes nothing
READ = (".read", ".list", ".metrics")

#: what nobody asks for at any door, by why
NOBODYS = {
    "session.begin": "what the audit log calls a sign-in with a step to follow",
    "approval.request": "filed by the operation that needs it: `test_pending_approval.py`",
    "approval.expire": "the server, when its time has come",
    "key.remind": "the server, when its time has come",
    "approval.lift": "the server's own command line",
    "user.recover": "the server's own command line",
    "backup.create": "the server's own command line",
    "backup.restore": "the server's own command line",
    "root.export": "the server's own command line",
    "root.rotate": "the server's own command line",
    "root.passphrase": "the server's own command line",
    "data-keys.rotate": "the server's own command line",
}


def let_in(operation: str) -> Answers:
    """As the operation's, where those who may are stopped behind the door."""
    administrator, owner, member, stranger, auditor = (LET_IN if each == OK else each for each in EXPECTED[operation])
    return administrator, owner, member, stranger, auditor


@dataclass(frozen=True)
class Way:
    """One way to ask for an operation at one door.

    Attributes:
        makes: a fresh object for who will ask (the house, their column): its reference.
        asks: of custody, (custody, caller, reference); without it, its method of that name is called.
            Of REST and the console, what is sent, or (reference) -> what is sent; without it, nothing is.
        answers: where they are not the operation's, the reason stands beside it.
        itself: the object is an account, and the owner of it is its holder.
        apart: whoever asks does so with a session of its own, which is ended by it.
    """

    operation: str
    makes: Callable[[Any, str], str]
    asks: Any = None
    answers: Answers | None = None
    itself: bool = False
    apart: bool = False

    @property
    def expected(self) -> Answers:
        return self.answers or EXPECTED[self.operation]
