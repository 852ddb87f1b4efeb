"""The first Administrator, made at a browser: while there are no users, and for who has read the server's terminal.

The link's token is known to this process alone, for half an hour, and is of no use once somebody was made with it. It
is taken from this machine only: who has the terminal has the machine.
"""

import hmac
import ipaddress
import secrets
import threading
from typing import Final

from keyferry import clock
from keyferry.clock import SECOND, Microseconds
from keyferry.custody.caller import Origin
from keyferry.custody.current_password import PasswordKeeper
from keyferry.custody.founding import Administrator, add_first_administrator, has_users
from keyferry.custody.gate import Gate
from keyferry.custody.names import check_user_name
from keyferry.custody.policy import Operation
from keyferry.custody.refusals import Refusal
from keyferry.errors import NotPermitted
from keyferry.material.secret import Secret
from keyferry.store.records import User

#: how long a link is good
LASTS: Final[Microseconds] = 30 * 60 * SECOND
_BY: Final = "keyferry set-up"


class SetUp:
    """One for each serving process."""

    def __init__(self, gate: Gate, passwords: PasswordKeeper) -> None:
        self._gate = gate
        self._passwords = passwords
        self._lock = threading.Lock()
        self._token: Secret | None = None
        self._made_at: Microseconds = 0

    def offer(self) -> Secret | None:
        """A new token, in place of any before it; None when there are users."""
        if self._gate.store.read(has_users):
            return None
        with self._lock:
            self._token, self._made_at = Secret(secrets.token_urlsafe(32).encode()), clock.now()
            return self._token

    @property
    def was_offered(self) -> bool:
        """Whether there were no users when this process began, and nobody was made since with its token."""
        return self._token is not None

    def require(self, token: str, address: str) -> None:
        """
        Raises:
            NotPermitted: (`set-up-refused`) the request comes from another machine; or the token is wrong, too old or
                used, or there are users: which of these, only the audit log says.
        """
        with self._lock:
            self._require(token, address)

    def found(self, token: str, address: str, name: str, password: Secret) -> User:
        """Make the first Administrator. What is wrong with a name or a password leaves the token as it is.

        Raises:
            NotPermitted: as `require`.
            InvalidInput: the name or the password will not do.
        """
        with self._lock:  # held to the end: of two who come at once, the second finds the token used
            self._require(token, address)
            check_user_name(name)
            administrator = Administrator(name, self._passwords.prepare(password, name))
            user = add_first_administrator(self._gate.store, self._gate.sealer, administrator, by=_BY, address=address)
            self._token = None
            return user

    def _require(self, token: str, address: str) -> None:
        if not _is_loopback(address):
            self._count(address, "not from this machine")
            raise NotPermitted(
                "Set-up is open to the server's own machine alone.",
                code="set-up-refused",
                advice="Open the link in a browser there, or through a tunnel that ends there.",
            )
        reason = self._wrong(token)
        if reason is not None:
            self._count(address, reason)
            raise NotPermitted(
                "This set-up link is not, or no longer, good.",
                code="set-up-refused",
                advice="Start the server again: it prints a new link as long as there are no users. Else sign in.",
            )

    def _wrong(self, token: str) -> str | None:
        expected = self._token
        same = hmac.compare_digest(token.encode(errors="replace"), b"" if expected is None else expected.reveal())
        if expected is None:
            return "no link was offered, or it was used"
        if not same:
            return "wrong token"
        if clock.now() - self._made_at > LASTS:
            return "the link is too old"
        return "there are users" if self._gate.store.read(has_users) else None

    def _count(self, address: str, reason: str) -> None:
        self._gate.refusals.count(Refusal(Origin(address), Operation.USER_CREATE, "set-up-refused", reason))


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
