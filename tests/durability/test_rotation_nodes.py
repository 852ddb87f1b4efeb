"""Rotation on several nodes: one rotates, another takes over from one that was killed, and nothing is rotated twice."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from tests.custody.reading import details_of, events_of, later, rows

from keyferry.background import Background
from keyferry.clock import DAY, SECOND
from keyferry.custody.leases import LEASE_SECONDS
from keyferry.custody.schedules import Schedule
from keyferry.testing import Kit

DUE = 31 * DAY

#: a node that is killed while it rotates: in its transaction, or when that is committed
KILLED = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
import time_machine
from keyferry.background import Background
from keyferry.config.sources import load_settings
from keyferry.custody.rotation import Rotation
from keyferry.installation import open_installation
home, where, days = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
before = getattr(Rotation, where)
def dies(*given, **named):
    before(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(Rotation, where, dies)
with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
    Background(open_installation(load_settings(home, environ={}))).work()
"""


@contextmanager
def second_node(kit: Kit) -> Iterator[Kit]:
    node = Kit.open(kit.installation.settings.home)
    try:
        yield node
    finally:
        node.close()


def versions_of(kit: Kit) -> dict[str, int]:
    return {row["id"]: row["versions"] for row in rows(kit, "keys")}


def killed(kit: Kit, where: str) -> None:
    """Let another process begin to rotate, and be killed."""
    home = kit.installation.settings.home
    command = [sys.executable, "-c", KILLED, str(home), where, str(DUE // DAY)]
    ended = subprocess.run(command, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize("database_file", ["postgresql"], indirect=True)
def test_of_two_nodes_that_rotate_at_once_one_does_it(kit: Kit) -> None:
    kim = kit.user("kim")
    keys = [kit.key(kim, rotation=Schedule(30)).id for _ in range(6)]
    with second_node(kit) as other, later(DUE), ThreadPoolExecutor(2) as threads:
        done = [threads.submit(node.custody.rotation.run) for node in (kit, other)]
        assert sum(each.result() for each in done) == len(keys), "without any lease: the rows see to it"
    assert versions_of(kit) == dict.fromkeys(keys, 2)
    assert len(events_of(kit, "key.rotate")) == len(keys)


@pytest.mark.parametrize("database_file", ["postgresql"], indirect=True)
def test_of_two_nodes_the_one_with_the_lease_rotates(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    key = kit.key(kit.user("kim"), rotation=Schedule(30)).id
    with second_node(kit) as other, later(DUE):
        with monkeypatch.context() as idle:
            idle.setattr(kit.custody.rotation, "run", lambda _: 0)
            first = Background(kit.installation)
        first.work()
        Background(other.installation).work()
        assert versions_of(kit) == {key: 1}, "the second waits for the first, which has the lease"
        assert {row["holder"] for row in rows(kit, "leases")} == {first.runs.node}
        first.stop_leases()
        Background(other.installation).work()
        assert versions_of(kit) == {key: 2}
        Background(kit.installation).work()
        assert versions_of(kit) == {key: 2}


@pytest.mark.parametrize(("where", "versions"), [("_record", 1), ("_rotate", 2)])
def test_a_node_that_is_killed_leaves_its_lease_and_another_takes_over(kit: Kit, where: str, versions: int) -> None:
    keys = [kit.key(kit.user(name), rotation=Schedule(30)).id for name in ("kim", "lee")]
    killed(kit, where)
    assert sorted(versions_of(kit).values()) == [1, versions], "what was not committed is undone, what was is kept"
    with later(DUE):
        Background(kit.installation).work()
        assert sorted(versions_of(kit).values()) == [1, versions], "its lease has not run out"
    with later(DUE + 2 * LEASE_SECONDS * SECOND):
        Background(kit.installation).work()
    assert versions_of(kit) == dict.fromkeys(keys, 2), "nothing twice"
    assert [details_of(event)["version"] for event in events_of(kit, "key.rotate")] == [2, 2]
    kit.background.tick()
    assert kit.custody.audit.verify(kit.administrator).findings == ()
