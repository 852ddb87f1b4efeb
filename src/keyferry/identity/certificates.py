"""Knowing a caller by a client certificate. REST, the console and every other door that speaks TLS ask here.

That whoever presents a certificate holds its private key, TLS has found out: what comes here is what the TLS layer
gave, and nothing that a request says. Whose the certificate is follows from its fingerprint alone, which custody has
bound to a user in a sealed row: not from its name, nor from who signed it (RFC 8705 section 6.3 has reasons).
"""

import threading
from dataclasses import dataclass
from typing import Final

from keyferry.client_certificates import fingerprint_of
from keyferry.clock import Microseconds
from keyferry.custody.caller import Caller, Origin
from keyferry.custody.certificate_rows import BY_FINGERPRINT
from keyferry.custody.custody import Custody
from keyferry.custody.opening import Begun
from keyferry.custody.policy import Operation
from keyferry.errors import NotAuthenticated
from keyferry.identity.opening import Opening, SignedIn, Unfinished
from keyferry.store.records import Certificate
from keyferry.store.sealed import CERTIFICATES, USERS, Lock
from keyferry.store.transaction import Transaction

#: certificates whose owner is remembered once they were accepted
MOST_ACCEPTED: Final = 4096


@dataclass(frozen=True, slots=True)
class _Accepted:
    """What never changes of a certificate."""

    certificate_id: str
    user_id: str


class CertificateAuthenticator:
    """From a certificate that TLS has verified to a caller. The gate judges whether it still holds, each time."""

    def __init__(self, custody: Custody) -> None:
        self._custody = custody
        self._gate = custody.gate
        self._opening = Opening(custody)
        self._accepted: dict[str, _Accepted] = {}
        self._lock = threading.Lock()

    def recognise(self, certificate: bytes, address: str | None) -> Caller | None:
        """The caller of a certificate (DER) that `authenticate` has accepted before, without a look at the store."""
        accepted = self._accepted.get(fingerprint_of(certificate))
        if accepted is None:
            return None
        self._custody.activity.note(accepted.certificate_id)
        return Caller(accepted.user_id, None, address, accepted.certificate_id)

    def authenticate(self, certificate: bytes, address: str | None) -> Caller:
        """The caller of a certificate (DER) whose private key the other end of a TLS connection has used.

        Raises:
            NotAuthenticated: it is bound to nobody.
            IntegrityViolation: the row that binds it was changed behind Keyferry's back.
        """
        row, _ = self._bound(certificate, address)
        with self._lock:
            if len(self._accepted) >= MOST_ACCEPTED:
                del self._accepted[next(iter(self._accepted))]
            self._accepted[row.fingerprint] = _Accepted(row.id, row.user_id)
        self._custody.activity.note(row.id)
        return Caller(row.user_id, None, address, row.id)

    def open_session(
        self, certificate: bytes, address: str | None, *, idle_after: Microseconds
    ) -> SignedIn | Unfinished:
        """A session of the console for whom a certificate (DER) stands for; it ends with the certificate.

        Or what it needs first: people are asked for a second factor however they come in.

        Raises:
            NotAuthenticated: it is bound to nobody, holds no more, or its user may not come in.
        """
        row, epoch = self._bound(certificate, address)
        caller = Caller(row.user_id, None, address, row.id)
        return self._opening.open(caller, epoch=epoch, begun=Begun("certificate", idle_after=idle_after))

    def name_of(self, certificate: bytes, address: str | None) -> str | None:
        """Whom a certificate (DER) stands for, for a page that offers to sign in with it; None for nobody."""

        def look(tx: Transaction) -> str | None:
            row = self._find(tx, certificate)
            user = None if row is None else USERS.get(tx, self._gate.sealer, row.user_id)
            return None if user is None else user.name

        return self._gate.look(Origin(address), Operation.SESSION_OPEN, look)

    def _bound(self, certificate: bytes, address: str | None) -> tuple[Certificate, int]:
        """The row that binds a certificate, and the token epoch of its user."""

        def look(tx: Transaction) -> tuple[Certificate, int] | None:
            row = self._find(tx, certificate)
            user = None if row is None else USERS.get(tx, self._gate.sealer, row.user_id)
            return None if row is None or user is None else (row, user.token_epoch)

        found = self._gate.look(Origin(address), Operation.SESSION_OPEN, look)
        if found is None:
            raise NotAuthenticated(
                f"The client certificate {fingerprint_of(certificate)} is bound to no user.",
                advice="Have this very certificate bound to your account: one with the same name is another.",
            )
        return found

    def _find(self, tx: Transaction, certificate: bytes) -> Certificate | None:
        query = BY_FINGERPRINT.held(Lock.NONE)
        return CERTIFICATES.first(tx, self._gate.sealer, query, fingerprint=fingerprint_of(certificate))
