"""Which client certificates the second listener lets through TLS: kept as the store has it, on every node.

TLS proves who holds which key. What passes is known or not known by its fingerprint, and the gate judges its sealed row
at every operation; so a certificate that has ended since may go on passing here, and gets an answer that says so.
"""

import ssl
import threading
from typing import Final

from keyferry.custody.trusted_certificates import TrustedCertificates
from keyferry.tls import trust

#: seconds within which every node lets a certificate through that was just bound on another
EVERY_SECONDS: Final = 2.0


class ClientTrust:
    """A context, and what it is told to trust."""

    def __init__(self, context: ssl.SSLContext, certificates: TrustedCertificates) -> None:
        self.context = context
        self._certificates = certificates
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Tell the context of what has come since the last time.

        Raises:
            IntegrityViolation: the authority's row was changed behind Keyferry's back.
        """
        with self._lock:
            trust(self.context, self._certificates.fresh())
