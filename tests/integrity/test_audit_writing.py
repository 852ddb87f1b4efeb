"""Events are written with what they record, or neither is; and committed ones get their numbers, whoever counts."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.integrity.behind import Behind
from tests.integrity.conftest import Scene

from keyferry.custody.accounts import UserEdit
from keyferry.custody.audit_chain import Head, last_head, sequence
from keyferry.custody.export_batches import Passed
from keyferry.custody.groups import GroupEdit
from keyferry.custody.policy import Operation
from keyferry.errors import KeyferryError
from keyferry.installation import Installation
from keyferry.store.events import write_event
from keyferry.store.records import AuditEvent
from keyferry.store.transaction import Transaction
from keyferry.testing import Kit

SQLITE_TRIGGER = """
CREATE TRIGGER no_events BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'the log is full'); END
"""
POSTGRESQL_FUNCTION = """
CREATE FUNCTION refuse_events() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'the log is full'; END $$ LANGUAGE plpgsql
"""
POSTGRESQL_TRIGGER = "CREATE TRIGGER no_events BEFORE INSERT ON audit_events EXECUTE FUNCTION refuse_events()"


def stop_the_log(behind: Behind) -> None:
    if behind.is_sqlite:
        behind.run(SQLITE_TRIGGER)
    else:
        behind.run(POSTGRESQL_FUNCTION)
        behind.run(POSTGRESQL_TRIGGER)


OPERATIONS: dict[str, Callable[[Scene], object]] = {
    "key.generate": lambda scene: scene.kit.key(scene.kim, "aes-128"),
    "key.rotate": lambda scene: scene.kit.custody.states.rotate(scene.kim, scene.key_id),
    "key.deactivate": lambda scene: scene.kit.custody.states.deactivate(scene.kim, scene.key_id),
    "key.export": lambda scene: scene.kit.export(scene.kim, scene.key_id, scene.kek),
    "key.export, many": lambda scene: list(
        scene.kit.custody.export_batches.export(scene.kim, [scene.key_id], scene.kek.request, Passed())
    ),
    "user.disable": lambda scene: scene.kit.custody.users.disable(scene.admin, "kim"),
    "user.edit": lambda scene: scene.kit.custody.users.edit(scene.admin, "kim", UserEdit(groups=())),
    "group.create": lambda scene: scene.kit.custody.groups.create(scene.admin, "more"),
    "group.edit": lambda scene: scene.kit.custody.groups.edit(scene.admin, "payments", GroupEdit(kek_policy="any")),
    "token.create": lambda scene: scene.kit.custody.tokens.create(scene.kim, "robot", 3600 * 10**6),
    "session.open": lambda scene: scene.kit.sign_in("kim"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_cannot_be_audited_is_not_done(scene: Scene, name: str) -> None:
    stop_the_log(scene.behind)
    before = scene.behind.everything()
    with pytest.raises(Exception, match="the log is full"):
        OPERATIONS[name](scene)
    assert scene.behind.everything() == before
    scene.behind.run("DROP TRIGGER no_events" + ("" if scene.behind.is_sqlite else " ON audit_events"))
    OPERATIONS[name](scene)
    assert scene.behind.everything() != before


def test_a_refusal_that_cannot_be_audited_is_still_none_granted(scene: Scene) -> None:
    stop_the_log(scene.behind)
    with pytest.raises(Exception, match="the log is full"):
        scene.kit.custody.keys.show(scene.mallory, scene.key_id)


def record(installation: Installation, times: int, caller: object) -> None:
    for _ in range(times):
        installation.custody.gate.record(caller, Operation.AUDIT_READ, "done")  # type: ignore[arg-type]  # a caller


def number_until(installation: Installation, done: threading.Event) -> None:
    """As a node's background work does, with the head that it left the last time."""
    head: Head | None = None
    while True:
        last_round = done.is_set()
        before = head
        head = installation.store.write(lambda tx, before=before: sequence(tx, installation.sealer, before))  # type: ignore[misc]  # a default binds it now
        if last_round:
            return


@pytest.mark.parametrize("nodes", [1, 2])
def test_events_of_many_threads_are_numbered_without_gaps(scene: Scene, nodes: int) -> None:
    """Two nodes on one PostgreSQL number at once; on SQLite there is only one node."""
    opened = [scene.kit.installation]
    if nodes == 2 and not scene.behind.is_sqlite:
        opened.append(Kit.open(scene.kit.installation.settings.home).installation)
    done = threading.Event()
    with ThreadPoolExecutor(8 + len(opened)) as threads:
        numbering = [threads.submit(number_until, each, done) for each in opened]
        writing = [threads.submit(record, opened[n % len(opened)], 20, scene.admin) for n in range(8)]
        for each in writing:
            each.result()
        done.set()
        for each in numbering:
            each.result()
    rows = scene.behind.rows("audit_events")
    assert sorted(row["number"] for row in rows) == list(range(1, len(rows) + 1))
    assert scene.kit.custody.audit.verify(scene.admin).findings == ()
    for extra in opened[1:]:
        extra.close()


def test_an_event_that_is_committed_late_is_numbered_late(scene: Scene) -> None:
    """On PostgreSQL a transaction may take a lower row number and commit after a higher one was numbered."""
    if scene.behind.is_sqlite:
        return
    store, sealer = scene.kit.installation.store, scene.kit.installation.sealer
    scene.kit.background.tick()
    start = store.read(last_head).number
    written, go_on = threading.Event(), threading.Event()

    def late(tx: Transaction) -> None:
        write_event(tx, sealer, AuditEvent(uid="late", at=0, operation="audit.read", outcome="done"))
        written.set()
        go_on.wait(20)

    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(store.write, late)
        written.wait(20)
        scene.kit.custody.groups.create(scene.admin, "early")
        scene.kit.background.tick()
        numbered_before = store.read(last_head).number
        go_on.set()
        slow.result()
    scene.kit.background.tick()
    rows = {row["uid"]: row for row in scene.behind.rows("audit_events")}
    late_one = rows["late"]
    assert late_one["number"] == numbered_before + 1
    assert numbered_before == start + 1
    assert late_one["id"] < max(row["id"] for row in rows.values())
    assert scene.kit.custody.audit.verify(scene.admin).findings == ()


def test_every_change_names_the_rows_that_it_changed(scene: Scene) -> None:
    """One event for the operation; one more, naming it, for each further row."""
    scene.kit.custody.users.edit(scene.admin, "kim", UserEdit(groups=()))
    one, further = scene.behind.rows("audit_events")[-2:]
    assert (one["operation"], one["object_type"], one["object_id"]) == ("user.edit", "user", scene.kim.user_id)
    assert further["object_type"] == "membership"
    assert f'"part_of":"{one["uid"]}"' in further["details"]
    assert further["at"] == one["at"]


class TestJobs:
    """What comes due by date meets a tampered row, and does not stop at it."""

    def destroyed(self, scene: Scene) -> None:
        for caller, key_id in ((scene.kim, scene.key_id), (scene.mallory, scene.own.key.id)):
            scene.kit.custody.states.deactivate(caller, key_id)
            scene.kit.custody.states.destroy(caller, key_id)

    def test_a_tampered_version_is_told_once_and_left(self, make_scene: Callable[..., Scene]) -> None:
        scene = make_scene(destruction_pending="0s")
        self.destroyed(scene)
        scene.behind.edit("key_versions", scene.version_id, origin="imported")
        assert scene.kit.custody.jobs.run() == 1
        assert scene.kit.custody.jobs.run() == 0
        failed = [row for row in scene.behind.rows("audit_events") if row["outcome"] == "failed"]
        assert [(row["operation"], row["code"]) for row in failed] == [("key.destroy", "row-tampered")]
        assert scene.version_id in failed[0]["details"]
        assert scene.behind.row("key_versions", scene.own.version.id)["material"] is None
        assert scene.behind.row("key_versions", scene.version_id)["material"] is not None

    def test_a_tampered_version_does_not_keep_events_from_being_numbered(
        self, make_scene: Callable[..., Scene]
    ) -> None:
        scene = make_scene(destruction_pending="0s")
        self.destroyed(scene)
        scene.behind.edit("key_versions", scene.version_id, origin="imported")
        scene.kit.background.tick()
        assert all(row["number"] for row in scene.behind.rows("audit_events"))


def test_a_flood_of_refused_callers_buys_no_disk(scene: Scene) -> None:
    """Counted in memory; one event for each source and reason, with the count."""
    scene.kit.custody.users.disable(scene.admin, "kim")
    before = len(scene.behind.rows("audit_events"))
    for _ in range(50):
        with pytest.raises(KeyferryError):
            scene.show()
        with pytest.raises(KeyferryError):
            scene.kit.custody.groups.create(scene.kim, "mine")
    assert len(scene.behind.rows("audit_events")) == before
    scene.kit.background.tick()
    written = scene.behind.rows("audit_events")[before:]
    assert [row["outcome"] for row in written] == ["refused", "refused"]
    assert all('"times":50' in row["details"] for row in written)
