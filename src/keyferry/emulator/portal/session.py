"""Who is signed in at the portal. Sessions live in memory: they end with the process, and after some idle hours.

There is one person, the emulator's operator, and no password: whoever reaches the emulator, on this machine, may sign
in. What a session is for is to tell the person's own pages from those of others: a page of another origin has neither
its cookie (SameSite=Strict) nor its form token.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

IDLE_SECONDS: Final = 8 * 3600
MOST_SESSIONS: Final = 100
SECRET_BYTES: Final = 32


@dataclass(slots=True)
class Session:
    """One sign-in. `form_token` stands in every form; `messages` are shown on the next page, once."""

    form_token: str
    used: float
    messages: list[str] = field(default_factory=list)

    def owns(self, form_token: str) -> bool:
        """Whether a form was one of this session's, compared in constant time."""
        return hmac.compare_digest(self.form_token.encode(), form_token.encode())


class Sessions:
    """The sessions of one process, by the SHA-256 of what their cookies hold.

    Args:
        clock: seconds, of a clock that is never set back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = threading.Lock()
        self._sessions: dict[bytes, Session] = {}

    def begin(self) -> tuple[str, Session]:
        """A new session, and what its cookie holds. Beyond `MOST_SESSIONS` the one unused for longest ends."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        session = Session(form_token=secrets.token_urlsafe(SECRET_BYTES), used=self._clock())
        with self._turn:
            self._end_idle()
            while len(self._sessions) >= MOST_SESSIONS:
                del self._sessions[min(self._sessions, key=lambda each: self._sessions[each].used)]
            self._sessions[_digest(secret)] = session
        return secret, session

    def find(self, secret: str | None) -> Session | None:
        """The session of a cookie; None when there is none, or it was idle for too long."""
        if secret is None:
            return None
        with self._turn:
            self._end_idle()
            found = self._sessions.get(_digest(secret))
            if found is not None:
                found.used = self._clock()
        return found

    def end(self, secret: str | None) -> None:
        """End a session."""
        if secret is not None:
            with self._turn:
                self._sessions.pop(_digest(secret), None)

    def _end_idle(self) -> None:
        latest = self._clock() - IDLE_SECONDS
        for each in [digest for digest, session in self._sessions.items() if session.used < latest]:
            del self._sessions[each]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
