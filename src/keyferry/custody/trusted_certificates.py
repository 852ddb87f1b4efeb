"""Which client certificates TLS may let through. It authorises nothing: whose a certificate is, its sealed row says."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import bindparam, select

from keyferry import clock
from keyferry.clock import SECOND
from keyferry.custody.client_authority import certificate_of
from keyferry.ids import first_id_at
from keyferry.material.sealing import Sealer
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import certificates

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


def _nobody_asks() -> None:
    """There is no listener."""


class TrustedCertificates:
    """The authority that issues, and each certificate that it has not issued, as far as they have come.

    Attributes:
        tell: what this process does when it has bound a certificate, before its caller is answered.
    """

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self.tell: Callable[[], None] = _nobody_asks
        self._store = store
        self._sealer = sealer
        self._told: set[str] = set()
        self._has_authority = False
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
        if not self._has_authority:
            authority = self._store.read(lambda tx: certificate_of(tx, self._sealer))
            if authority is not None:
                fresh.append(authority)
                self._has_authority = True
        self._told, self._after = set(found), first_id_at((now - _OVERLAP) // 1000)
        return fresh
