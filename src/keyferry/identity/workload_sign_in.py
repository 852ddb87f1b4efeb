"""From a trusted issuer's token to a caller, for programs that hold no secret of Keyferry's.

    1. the token is read, and not believed
    2. the issuer that it names, and what is bound to its subject there, are looked up
    3. its signature is checked with that issuer's key, under an algorithm that the issuer's row allows; then whom it is
       for, and when it holds (RFC 7519 section 4.1, RFC 8725)
    4. the one binding whose claims it fulfils says which user is calling

What was checked is remembered under the token's SHA-256, for no longer than it holds and its keys are fresh, and for no
other state of the issuer's row. The rows are judged each time, here and by the gate. Whoever is refused hears nothing
but that; the audit log says why.
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyferry import clock
from keyferry.clock import SECOND, Microseconds
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.custody import Custody
from keyferry.custody.policy import Operation
from keyferry.custody.refusals import Refusal
from keyferry.custody.trusted_issuers import BY_ISSUER
from keyferry.custody.workload_rules import why_not
from keyferry.custody.workloads import BY_SUBJECT
from keyferry.errors import NotAuthenticated
from keyferry.identity import jws
from keyferry.identity.jws import TokenRefused, Unverified
from keyferry.identity.key_sets import FRESH, KeySets
from keyferry.store.records import TrustedIssuer, User, Workload
from keyferry.store.sealed import TRUSTED_ISSUERS, USERS, WORKLOADS, Lock
from keyferry.store.transaction import Transaction

#: tokens that are remembered once they were checked
MOST_CHECKED: Final = 1024

#: what `typ` may say: RFC 7519 section 5.1, RFC 9068 section 2.1
_KINDS: Final = frozenset({"jwt", "at+jwt"})


@dataclass(frozen=True, slots=True)
class _Checked:
    issuer_id: str
    revision: int
    until: Microseconds

    def holds(self, issuer: TrustedIssuer, now: Microseconds) -> bool:
        """Whether it was checked for this issuer as its row is now, and may still be relied on."""
        return self.issuer_id == issuer.id and self.revision == issuer.revision and now < self.until


@dataclass(frozen=True, slots=True)
class _Found:
    """What the store knows of whom a token names."""

    issuer: TrustedIssuer
    bound: tuple[tuple[Workload, User | None], ...]


class WorkloadSignIn:
    """Callers who present a trusted issuer's token."""

    def __init__(self, custody: Custody, key_sets: KeySets) -> None:
        self._gate = custody.gate
        self._key_sets = key_sets
        self._checked: dict[bytes, _Checked] = {}
        self._lock = threading.Lock()

    def authenticate(self, text: str, address: str | None) -> Caller:
        """The caller whom a token stands for. The gate judges the rows once more, and what the caller may do.

        Raises:
            NotAuthenticated: for any reason.
        """
        try:
            workload = self._workload(text, address)
        except TokenRefused as refusal:
            reason = f"a workload's token is refused: {refusal}"
            self._gate.refusals.count(
                Refusal(Origin(address), Operation.SESSION_OPEN, NotAuthenticated.default_code, reason)
            )
            raise NotAuthenticated(
                "The token is not accepted.",
                field="Authorization",
                advice="Ask an Administrator what the audit log says of it, and which workloads are bound.",
            ) from None
        return Caller(workload.user_id, None, address, workload_id=workload.id)

    def _workload(self, text: str, address: str | None) -> Workload:
        token = jws.read(text)
        jws.require_kind(token, _KINDS)
        issuer, subject = _named(token, "iss"), _named(token, "sub")
        found = self._gate.look(Origin(address), Operation.SESSION_OPEN, lambda tx: self._find(tx, issuer, subject))
        if found is None:
            raise TokenRefused("its issuer is not trusted")
        if found.issuer.disabled:
            raise TokenRefused(f"its issuer, {found.issuer.name}, is disabled")
        try:
            self._check(token, found.issuer)
            return _bound(token, found, address)
        except TokenRefused as refusal:
            raise TokenRefused(f"{refusal} (issuer {found.issuer.name})") from None

    def _find(self, tx: Transaction, issuer: str, subject: str) -> _Found | None:
        sealer = self._gate.sealer
        row = TRUSTED_ISSUERS.first(tx, sealer, BY_ISSUER.held(Lock.NONE), issuer=issuer)
        if row is None or row.issuer != issuer:
            return None
        bound = WORKLOADS.find(tx, sealer, BY_SUBJECT.held(Lock.NONE), issuer_id=row.id, subject=subject)
        return _Found(row, tuple((each, USERS.get(tx, sealer, each.user_id)) for each in bound))

    def _check(self, token: Unverified, issuer: TrustedIssuer) -> None:
        known_as = hashlib.sha256(token.text.encode()).digest()
        now = clock.now()
        checked = self._checked.get(known_as)
        if checked is not None and checked.holds(issuer, now):
            return
        algorithm = jws.require_algorithm(token, issuer.algorithms.split(","))
        jws.require_signature(token, self._key_sets.key(issuer, token.key_id, algorithm), algorithm)
        _require_audience(token.claims.get("aud"), issuer.audience)
        ends = require_times(token.claims, now, issuer.clock_skew, issuer.longest_lifetime)
        if "cnf" in token.claims:
            raise TokenRefused("it is bound to a key whose possession is not proved here")
        self._remember(known_as, _Checked(issuer.id, issuer.revision, min(ends, now + FRESH * SECOND)))

    def _remember(self, known_as: bytes, checked: _Checked) -> None:
        with self._lock:
            self._checked.pop(known_as, None)
            if len(self._checked) >= MOST_CHECKED:
                del self._checked[next(iter(self._checked))]
            self._checked[known_as] = checked


def require_times(
    claims: Mapping[str, Any], now: Microseconds, skew: Microseconds, longest: Microseconds
) -> Microseconds:
    """When a token ends, with the skew that is granted.

    Raises:
        TokenRefused: it has ended, has not begun, does not say when, or lasts longer than `longest`.
    """
    issued, ends = _moment(claims, "iat"), _moment(claims, "exp")
    begins = _moment(claims, "nbf") if "nbf" in claims else issued
    if ends + skew <= now:
        raise TokenRefused("it has expired")
    if begins > now + skew or issued > now + skew:
        raise TokenRefused("it is not valid yet")
    if ends - issued > longest:
        raise TokenRefused("it lasts longer than its issuer's tokens may")
    return ends + skew


def _moment(claims: Mapping[str, Any], name: str) -> Microseconds:
    """A NumericDate (RFC 7519 section 2)."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise TokenRefused(f"it does not say {name}")
    return int(value * SECOND)


def _require_audience(said: object, audience: str) -> None:
    """This audience and no other: who else a token is for could present it here."""
    if said not in (audience, [audience]):
        raise TokenRefused("it is for another audience, or for others too")


def _named(token: Unverified, name: str) -> str:
    value = token.claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 512 or not value.isprintable():
        raise TokenRefused(f"it does not say {name}")
    return value


def _bound(token: Unverified, found: _Found, address: str | None) -> Workload:
    """The one binding that the token fulfils."""
    if not found.bound:
        raise TokenRefused("its subject is bound to no user")
    fulfilled = [
        (workload, user)
        for workload, user in found.bound
        if workload.subject == token.claims["sub"] and _fulfils(token.claims, json.loads(workload.claims))
    ]
    now = clock.now()
    reasons = [(workload, why_not(workload, found.issuer, user, address, now)) for workload, user in fulfilled]
    good = [workload for workload, reason in reasons if reason is None]
    if len(good) == 1:
        return good[0]
    if good:
        raise TokenRefused("it fulfils the claims of more than one binding")
    if reasons:
        raise TokenRefused((reasons[0][1] or "").rstrip("."))
    raise TokenRefused("it lacks a claim that its binding asks for")


def _fulfils(claims: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    return all(name in claims and _same(claims[name], value) for name, value in asked.items())


def _same(said: object, asked: object) -> bool:
    return type(said) is type(asked) and said == asked
