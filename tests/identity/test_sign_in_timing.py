"""How long a refused sign-in takes tells nothing of whether there is such a user.

What it shows: at the costs that a server hashes at, the processor time of a sign-in for a name that there is not, and
for an account that is disabled, is like that for a wrong password of a user who is there: the medians lie within a
fifth of each other, and neither kind is nearly always the slower one (Mann and Whitney's statistic). That each costs
one hash, to the count, `test_sign_in.py` shows; this shows that nothing else weighs against the hash.

What it does not show: differences of a few hundred microseconds, which hide in the noise of a hash that takes a
hundred milliseconds, here as on a network. Processor time is measured, so that a busy machine slows nothing down; the
limits are so wide that chance alone passes them less than once in some ten thousand runs.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from keyferry.custody.accounts import NewUser
from keyferry.custody.policy import Role
from keyferry.errors import NotAuthenticated
from keyferry.installation import Installation, open_installation
from keyferry.material.secret import Secret
from keyferry.testing import Kit

EACH = 10
KINDS = {"wrong password": "kim", "nobody": "nobody", "disabled": "off"}
WRONG = Secret(b"wrong-harbour-77")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Installation]:
    """An installation that hashes as a server does, with somebody who can sign in, and somebody who may not."""
    kit = Kit.make(tmp_path / "home")
    kit.close()
    made = open_installation(kit.installation.settings)
    password = Secret(b"mild-harbour-lantern-42")
    opened = Kit(made)
    for name, disabled in (("kim", False), ("off", True)):
        new = NewUser(name=name, role=Role.KEY_ACCESS_USER, password=password, disabled=disabled)
        made.custody.users.create(opened.administrator, new)
    yield made
    made.close()


def test_the_time_of_a_refusal_does_not_tell_who_is_there(served: Installation) -> None:
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    order = [kind for kind in KINDS for _ in range(EACH)]
    random.Random(7).shuffle(order)  # what drifts meets all kinds alike
    for number, kind in enumerate(order):
        began = time.process_time()
        with pytest.raises(NotAuthenticated):
            served.sign_in.sign_in(KINDS[kind], WRONG, f"198.51.100.{number}")
        taken[kind].append(time.process_time() - began)
    known = taken.pop("wrong password")
    for kind, times in taken.items():
        assert 0.8 < median(times) / median(known) < 1.25, (kind, median(times), median(known))
        assert 0.03 < _how_often_greater(times, known) < 0.97, (kind, sorted(times), sorted(known))


def _how_often_greater(left: list[float], right: list[float]) -> float:
    """The share of pairs in which the first is the greater: a half if both are alike."""
    return sum((one > other) + (one == other) / 2 for one in left for other in right) / (len(left) * len(right))
