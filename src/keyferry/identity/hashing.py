"""Password hashes: Argon2id (RFC 9106), one at a time, with a bounded queue.

A hash takes 64 MiB and about 0.1 s on four lanes. Running one at a time bounds the memory; bounding the queue bounds
the wait, so that a flood of sign-ins cannot pile up threads. A sign-in for a user who does not exist costs the same
hash.
"""

import base64
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from keyferry.errors import IntegrityViolation, NotAuthenticated, Overloaded
from keyferry.identity.passwords import check_new_password, normal_form
from keyferry.material.secret import Secret

_SALT_BYTES = 16
_HASH_BYTES = 32
_HASHES_PER_SECOND = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Argon2id's costs (RFC 9106 section 3.1)."""

    memory_kib: int
    passes: int
    lanes: int


RFC_9106_LOW_MEMORY = Cost(memory_kib=64 * 1024, passes=3, lanes=4)
"""The second recommended option (RFC 9106 section 4)."""


class PasswordHashing:
    """Makes and verifies password hashes. For worker threads: a call waits for its turn.

    Args:
        max_waiting: calls that may wait while one runs (the setting `hash_queue`); a further one is turned away.
        cost: for new hashes; hashes of another cost still verify, and `needs_rehash` says that they should be renewed.
    """

    def __init__(self, max_waiting: int = 32, cost: Cost = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher(cost.passes, cost.memory_kib, cost.lanes, _HASH_BYTES, _SALT_BYTES, type=Type.ID)
        self._places = threading.BoundedSemaphore(max_waiting + 1)
        self._turn = threading.Lock()
        self._retry_after = 1 + max_waiting // _HASHES_PER_SECOND
        self._nobodys_hash = _random_hash(cost)

    def hash(self, password: Secret) -> str:
        """The hash of a password, as a PHC string, with its salt and costs.

        Raises:
            Overloaded: (`overloaded`) the queue is full.
            ValueError: the password is no password; `check_new_password` comes first.
        """
        normal = normal_form(password)
        if normal is None:
            raise ValueError("not a password: check_new_password comes first")
        with self._in_turn():
            return self._hasher.hash(normal.reveal())

    def prepare(self, password: Secret, user_name: str) -> str:
        """Hold a password that is being set to the rules, then hash it.

        Raises:
            InvalidInput: (`password-refused`) it breaks a rule.
            Overloaded: (`overloaded`) the queue is full.
        """
        check_new_password(password, user_name=user_name)
        return self.hash(password)

    def verify(self, stored: str | None, password: Secret) -> None:
        """Return when `password` is the one that `stored` is the hash of.

        Args:
            stored: None for a user who does not exist, may not sign in, or has no password: it costs the same hash, and
                is refused in the same words.

        Raises:
            NotAuthenticated: (`sign-in-refused`) it is not; see `sign_in_refused`.
            Overloaded: (`overloaded`) the queue is full; nothing was verified.
            IntegrityViolation: `stored` is no hash.
        """
        normal = normal_form(password)
        usable = stored is not None and normal is not None
        against = stored if stored is not None and usable else self._nobodys_hash
        with self._in_turn():
            matches = self._matches(against, Secret(b"") if normal is None else normal)
        if not (usable and matches):
            raise sign_in_refused()

    def needs_rehash(self, stored: str) -> bool:
        """Whether `stored` was made at other costs than those for new hashes."""
        return self._hasher.check_needs_rehash(stored)

    def _matches(self, stored: str, password: Secret) -> bool:
        try:
            return self._hasher.verify(stored, password.reveal())
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError):
            raise IntegrityViolation("A stored password hash cannot be read.") from None

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Overloaded("Too many sign-ins are waiting.", code="overloaded", retry_after=self._retry_after)
        try:
            with self._turn:
                yield
        finally:
            self._places.release()


def sign_in_refused() -> NotAuthenticated:
    """The one answer to every sign-in that fails, whatever the reason: which it was stands in the audit log alone."""
    return NotAuthenticated(
        "The sign-in was refused.",
        code="sign-in-refused",
        advice="Check user name and password. If they are right, ask an Administrator: the audit log has the reason.",
    )


def _random_hash(cost: Cost) -> str:
    """A hash of no known password, without the cost of making one: verifying against it costs as much as any other."""
    salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (_SALT_BYTES, _HASH_BYTES))
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${digest}"
