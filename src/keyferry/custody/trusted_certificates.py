"""Which client certificates TLS may let through. It authorises nothing: whose a certificate is, its sealed row says."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import bindparam, select

from keyferry import clock
from keyferry.clock import SECOND
from keyferry.custody.client_authority import authorities_of
from keyferry.ids import first_id_at
from keyferry.material.sealing import Sealer
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import certificate_authorities, certificates

#: how far clocks of nodes may be apart, and how long a transaction may take, in microseconds
_OVERLAP: Final = 3600 * SECOND

_UPLOADED = Prepared(
    select(certificates.c.id, certificates.c.certificate)
    .where(
        certificates.c.origin == "uploaded",
        certificates.c.id > bindparam("after"),
        certificates.c.expires_at > bindparam("now"),
    )
    .order_by(certificates.c.id)
)


_AUTHORITIES = Prepared(select(certificate_authorities.c.id))


def _nobody_asks() -> None:
    """There is no listener."""


class TrustedCertificates:
    """The authorities that are not retired, and each certificate that none has issued, as far as they have come.

    What was told is not taken back: TLS goes on letting through what a retired authority has signed, until the process
    starts again, and the gate refuses it.

    Attributes:
        tell: what this process does when it has bound a certificate, before its caller is answered.
    """

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self.tell: Callable[[], None] = _nobody_asks
        self._store = store
        self._sealer = sealer
        self._told: set[str] = set()
        self._authorities: set[str] = set()
        self._after = ""

    def fresh(self) -> list[bytes]:
        """Those that have come since the last time, DER; at first, all that have not expired.

        Certificates of others are not verified here: they may pass TLS, and are refused after it.

        Raises:
            IntegrityViolation: the authority's row was changed behind Keyferry's back.
        """
        now = clock.now()
        rows = self._store.read(lambda tx: tx.rows(_UPLOADED, after=self._after, now=now))
        found = {str(id_): bytes(certificate) for id_, certificate in rows}
        fresh = [certificate for id_, certificate in found.items() if id_ not in self._told]
        fresh += self._fresh_authorities()
        self._told, self._after = set(found), first_id_at((now - _OVERLAP) // 1000)
        return fresh

    def _fresh_authorities(self) -> list[bytes]:
        """Those that have come; which there are is asked often, and whether they verify only when one has come."""
        known = {str(row[0]) for row in self._store.read(lambda tx: tx.rows(_AUTHORITIES))}
        if known <= self._authorities:
            return []
        found = self._store.read(lambda tx: authorities_of(tx, self._sealer))
        fresh = [row.certificate for row in found if row.retired_at is None and row.id not in self._authorities]
        self._authorities = {row.id for row in found}
        return fresh
