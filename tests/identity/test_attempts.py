"""What is remembered of sign-ins does not grow for ever."""

from datetime import UTC, datetime, timedelta

import time_machine

from keyferry.errors import NotAuthenticated
from keyferry.identity import attempts
from keyferry.testing import ADDRESS, Kit


def failures(kit: Kit, name: str) -> int:
    return kit.installation.store.read(lambda tx: attempts.failures_of_user(tx, name)).count


def test_failures_under_made_up_names_are_forgotten_after_a_day(kit: Kit) -> None:
    for number in range(3):
        try:
            kit.sign_in(f"nobody-{number}", address=ADDRESS)
        except NotAuthenticated:
            assert failures(kit, f"nobody-{number}") == 1
    kit.custody.jobs.run()
    assert failures(kit, "nobody-0") == 1
    with time_machine.travel(datetime.now(UTC) + timedelta(days=1, minutes=1)):
        kit.custody.jobs.run()
    assert [failures(kit, f"nobody-{number}") for number in range(3)] == [0, 0, 0]
