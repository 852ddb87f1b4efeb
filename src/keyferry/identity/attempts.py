"""What is remembered of sign-ins: failures that make the next one wait, and networks that have succeeded.

These rows are not sealed: nothing that grants access depends on them.
"""

from sqlalchemy import bindparam, delete, func, insert, select

from keyferry.clock import DAY, Microseconds
from keyferry.identity.backoff import NONE, PER_FACTOR, PER_SOURCE, PER_USER, Failures, Limit, after_failure, wait
from keyferry.identity.networks import source_network
from keyferry.store.statements import Prepared
from keyferry.store.tables import sign_in_failures, sign_ins
from keyferry.store.transaction import Transaction

_FAILURES = Prepared(
    select(sign_in_failures.c.failures, sign_in_failures.c.last_at).where(
        sign_in_failures.c.subject == bindparam("subject_")
    )
)
_FORGET_FAILURES = Prepared(delete(sign_in_failures).where(sign_in_failures.c.subject == bindparam("subject_")))
_KEEP_FAILURES = Prepared(
    insert(sign_in_failures).values(
        subject=bindparam("subject"), failures=bindparam("failures"), last_at=bindparam("last_at")
    )
)
_FORGET_OLD = Prepared(delete(sign_in_failures).where(sign_in_failures.c.last_at <= bindparam("before")))
_SAME = (sign_ins.c.user_id == bindparam("user_id_"), sign_ins.c.network == bindparam("network_"))
_KNOWN = Prepared(select(sign_ins.c.last_at).where(*_SAME))
_LAST = Prepared(select(func.max(sign_ins.c.last_at)).where(sign_ins.c.user_id == bindparam("user_id_")))
_FORGET_SIGN_IN = Prepared(delete(sign_ins).where(*_SAME))
_KEEP_SIGN_IN = Prepared(
    insert(sign_ins).values(user_id=bindparam("user_id"), network=bindparam("network"), last_at=bindparam("last_at"))
)

#: the network of a sign-in on the server itself
LOCAL = "local"


def failures_of_user(tx: Transaction, folded_name: str) -> Failures:
    """What counts against a name, in lower case, whether or not there is such a user."""
    return _failures(tx, _user(folded_name))


def failures_of_source(tx: Transaction, address: str | None) -> Failures:
    """What counts against the network that `address` lies in (`networks.source_network`)."""
    return _failures(tx, _source(address))


def is_known(tx: Transaction, user_id: str, address: str | None) -> bool:
    """Whether this user has signed in from this network before."""
    return tx.row(_KNOWN, user_id_=user_id, network_=_network(address)) is not None


def last_sign_in(tx: Transaction, user_id: str) -> Microseconds:
    """When this user last signed in, from anywhere; 0 for never."""
    row = tx.row(_LAST, user_id_=user_id)
    return 0 if row is None or row[0] is None else int(row[0])


def count_failure(tx: Transaction, folded_name: str, address: str | None, now: Microseconds) -> None:
    """Count a failed attempt, against the name (whether or not there is such a user) and against the source network."""
    _count(tx, _user(folded_name), PER_USER, now)
    _count(tx, _source(address), PER_SOURCE, now)


def remember_success(tx: Transaction, user_id: str, folded_name: str, address: str | None, now: Microseconds) -> None:
    """Clear the name's failures; the network's stay, or one account would buy an attacker guesses at others."""
    tx.run(_FORGET_FAILURES, subject_=_user(folded_name))
    tx.run(_FORGET_SIGN_IN, user_id_=user_id, network_=_network(address))
    tx.run(_KEEP_SIGN_IN, user_id=user_id, network=_network(address), last_at=now)


def take_factor_turn(tx: Transaction, user_id: str, now: Microseconds) -> int:
    """Count a try of a second factor before it is looked at, so that tries at the same time do not pass as one.

    The user's row must be held, so that one follows the other. `forget_factor_failures` clears the count of who is
    right.

    Returns:
        0, or the seconds to wait: the try is not to be looked at then, and was not counted.
    """
    seconds = wait(_failures(tx, _factor(user_id)), PER_FACTOR, now)
    if not seconds:
        _count(tx, _factor(user_id), PER_FACTOR, now)
    return seconds


def forget_factor_failures(tx: Transaction, user_id: str) -> None:
    """A second factor was right."""
    tx.run(_FORGET_FAILURES, subject_=_factor(user_id))


def forget_failures(tx: Transaction, user_id: str, folded_name: str) -> None:
    """Clear what counts against a user; what counts against networks stays."""
    for subject in (_user(folded_name), _factor(user_id)):
        tx.run(_FORGET_FAILURES, subject_=subject)


def forget_old_failures(tx: Transaction, now: Microseconds) -> None:
    """Drop counts that have not grown for a day: nothing waits for them any more, and made-up names leave them too."""
    tx.run(_FORGET_OLD, before=now - DAY)


def _failures(tx: Transaction, subject: str) -> Failures:
    row = tx.row(_FAILURES, subject_=subject)
    return NONE if row is None else Failures(int(row[0]), int(row[1]))


def _count(tx: Transaction, subject: str, limit: Limit, now: Microseconds) -> None:
    counted = after_failure(_failures(tx, subject), limit, now)
    tx.run(_FORGET_FAILURES, subject_=subject)
    tx.run(_KEEP_FAILURES, subject=subject, failures=counted.count, last_at=counted.last)


def _user(folded_name: str) -> str:
    return f"user:{folded_name[:64]!a}"  # in ASCII: whoever signs in may type what a database does not take


def _factor(user_id: str) -> str:
    return f"factor:{user_id}"


def _source(address: str | None) -> str:
    return f"network:{_network(address)}"


def _network(address: str | None) -> str:
    return LOCAL if address is None else source_network(address)
