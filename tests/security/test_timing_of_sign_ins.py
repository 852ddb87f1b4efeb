"""How long a refused sign-in takes does not tell whether there is such a user: compared statistically.

Processor time of the thread that signs in is compared, at the costs of hashing that a server has: what else runs on the
machine does not count.
"""

import statistics
import time
from pathlib import Path

from keyferry.config.sources import load_settings
from keyferry.custody.accounts import NewUser
from keyferry.custody.policy import Role
from keyferry.errors import NotAuthenticated
from keyferry.identity.opening import SignedIn
from keyferry.installation import Installation, initialise, open_installation
from keyferry.material.secret import Secret
from keyferry.testing import ADMINISTRATOR, PASSWORD

EACH = 10
WRONG = Secret(b"wrong-harbour-lantern-1")


def spent(made: Installation, name: str, address: str) -> float:
    """Seconds of the processor that a refused sign-in takes."""
    began = time.thread_time()
    try:
        made.sign_in.sign_in(name, WRONG, address)
    except NotAuthenticated:
        return time.thread_time() - began
    raise AssertionError("a wrong password was taken")


def rank_sum_z(first: list[float], second: list[float]) -> float:
    """The Mann-Whitney test's z: beyond 3.3, two samples are of one kind with a chance of less than 1 in 1,000."""
    ranks = {value: rank for rank, value in enumerate(sorted(first + second), 1)}
    n, m = len(first), len(second)
    u = sum(ranks[value] for value in first) - n * (n + 1) / 2
    deviation: float = (n * m * (n + m + 1) / 12) ** 0.5
    return (u - n * m / 2) / deviation


def test_a_wrong_password_and_an_unknown_name_cost_the_same(tmp_path: Path) -> None:
    initialise(tmp_path / "home", admin=ADMINISTRATOR, password=Secret(PASSWORD.encode()))
    made = open_installation(load_settings(tmp_path / "home", environ={}))
    try:
        signed_in = made.sign_in.sign_in(ADMINISTRATOR, Secret(PASSWORD.encode()), "127.0.0.1")
        assert isinstance(signed_in, SignedIn)
        me = made.authenticator.authenticate(signed_in.issued.text.reveal().decode(), "127.0.0.1")
        for number in range(EACH):
            new = NewUser(
                name=f"known{number}", role=Role.KEY_ACCESS_USER, password=Secret(f"{PASSWORD}{number}".encode())
            )
            made.custody.users.create(me, new)
        spent(made, "warm", "192.0.2.250")
        known, unknown = [], []
        for number in range(EACH):  # each name and source once, so that none has to wait
            known.append(spent(made, f"known{number}", f"198.51.100.{number}"))
            unknown.append(spent(made, f"other{number}", f"203.0.113.{number}"))
    finally:
        made.close()
    apart = abs(statistics.median(known) - statistics.median(unknown)) / statistics.median(known)
    assert apart < 0.03 or abs(rank_sum_z(known, unknown)) < 3.3, f"{apart:.1%}: {known} {unknown}"
