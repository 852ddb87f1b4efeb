"""Password hashes, and the queue in front of them."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type, hash_secret
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from keyferry.errors import IntegrityViolation, NotAuthenticated, Overloaded
from keyferry.identity.hashing import RFC_9106_LOW_MEMORY, Cost, PasswordHashing
from keyferry.material.secret import Secret

CHEAP = Cost(memory_kib=64, passes=1, lanes=1)
PASSWORD = Secret("étang lanterne".encode())


@pytest.fixture
def hashing() -> PasswordHashing:
    return PasswordHashing(cost=CHEAP)


def refusal(hashing: PasswordHashing, stored: str | None, password: Secret) -> NotAuthenticated:
    with pytest.raises(NotAuthenticated) as refused:
        hashing.verify(stored, password)
    return refused.value


class Counting(PasswordHasher):
    """Notes what is verified against."""

    def __init__(self) -> None:
        super().__init__()
        self.verified: list[str | bytes] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002  # the library's name
        self.verified.append(hash)
        return super().verify(hash, password)


class Held(PasswordHasher):
    """Hashes only when it is let, and notes how many run at once."""

    def __init__(self) -> None:
        super().__init__()
        self.running, self.release = threading.Event(), threading.Event()
        self.inside = 0
        self.at_once: list[int] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.inside += 1
        self.at_once.append(self.inside)
        self.running.set()
        assert self.release.wait(30)
        self.inside -= 1
        return "hash"


class TestHashes:
    def test_the_right_password_verifies_in_every_form(self, hashing: PasswordHashing) -> None:
        stored = hashing.hash(PASSWORD)
        hashing.verify(stored, PASSWORD)
        hashing.verify(stored, Secret("e\u0301tang lanterne".encode()))

    def test_every_failure_is_the_same_answer(self, hashing: PasswordHashing) -> None:
        stored = hashing.hash(PASSWORD)
        failures = [
            refusal(hashing, stored, Secret(b"another password")),
            refusal(hashing, stored, Secret(b"")),
            refusal(hashing, stored, Secret(b"\xff")),
            refusal(hashing, stored, Secret(b"a" * 100_000)),
            refusal(hashing, None, PASSWORD),
            refusal(hashing, None, Secret(b"")),
        ]
        assert {(each.code, each.detail, each.advice) for each in failures} == {
            ("sign-in-refused", failures[0].detail, failures[0].advice)
        }

    def test_every_failure_costs_one_hash(self, hashing: PasswordHashing, monkeypatch: pytest.MonkeyPatch) -> None:
        stored = hashing.hash(PASSWORD)
        counting = Counting()
        monkeypatch.setattr(hashing, "_hasher", counting)
        for known, password in [(stored, b"wrong"), (None, b"wrong"), (stored, b"\xff"), (None, PASSWORD.reveal())]:
            refusal(hashing, known, Secret(password))
        costs = [re.match(r"\$argon2id\$v=19\$m=64,t=1,p=1\$", str(each)) for each in counting.verified]
        assert len(costs) == 4
        assert all(costs)

    def test_two_hashes_of_one_password_differ(self, hashing: PasswordHashing) -> None:
        assert hashing.hash(PASSWORD) != hashing.hash(PASSWORD)

    def test_another_implementation_verifies_the_hash(self, hashing: PasswordHashing) -> None:
        Argon2id.verify_phc_encoded(PASSWORD.reveal(), hashing.hash(PASSWORD))

    def test_the_default_is_the_standards_low_memory_option(self) -> None:
        assert Cost(memory_kib=64 * 1024, passes=3, lanes=4) == RFC_9106_LOW_MEMORY
        stored = PasswordHashing().hash(PASSWORD)
        assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")

    def test_a_hash_at_other_costs_verifies_and_should_be_renewed(self, hashing: PasswordHashing) -> None:
        older = hash_secret(PASSWORD.reveal(), bytes(16), 2, 128, 1, 32, Type.ID).decode()
        hashing.verify(older, PASSWORD)
        assert hashing.needs_rehash(older)
        assert not hashing.needs_rehash(hashing.hash(PASSWORD))

    @pytest.mark.parametrize("stored", ["", "plain", "$argon2id$v=19$m=64,t=1,p=1$AAAA", "$2b$12$abc"])
    def test_a_stored_value_that_is_no_hash_is_no_wrong_password(self, hashing: PasswordHashing, stored: str) -> None:
        with pytest.raises(IntegrityViolation) as refused:
            hashing.verify(stored, PASSWORD)
        assert "plain" not in refused.value.detail

    def test_what_is_no_password_is_not_hashed(self, hashing: PasswordHashing) -> None:
        with pytest.raises(ValueError, match="not a password"):
            hashing.hash(Secret(b"\xff"))


class TestQueue:
    def test_one_runs_some_wait_and_a_further_one_is_turned_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hashing = PasswordHashing(max_waiting=2, cost=CHEAP)
        held = Held()
        monkeypatch.setattr(hashing, "_hasher", held)
        with ThreadPoolExecutor(3) as pool:
            first = pool.submit(hashing.hash, PASSWORD)
            assert held.running.wait(30)
            waiting = [pool.submit(hashing.hash, PASSWORD) for _ in range(2)]
            while hashing._places._value > 0:
                threading.Event().wait(0.001)
            for attempt in (hashing.hash, lambda password: hashing.verify(None, password)):
                with pytest.raises(Overloaded) as refused:
                    attempt(PASSWORD)
                assert (refused.value.code, refused.value.retry_after) == ("overloaded", 1)
            held.release.set()
            assert [each.result(30) for each in (first, *waiting)] == ["hash"] * 3
        assert held.at_once == [1, 1, 1]

    def test_a_place_is_given_back_after_every_outcome(self) -> None:
        hashing = PasswordHashing(max_waiting=0, cost=CHEAP)
        stored = hashing.hash(PASSWORD)
        for _ in range(3):
            refusal(hashing, stored, Secret(b"wrong"))
            with pytest.raises(IntegrityViolation):
                hashing.verify("no hash", PASSWORD)
            hashing.verify(stored, PASSWORD)
        assert stored.startswith("$argon2id$")
