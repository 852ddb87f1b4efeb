"""What goes on beside answering: events get their numbers, what is due is done, and a fault is not kept quiet."""

import json
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text
from tests.custody.reading import rows

from keyferry import background, server
from keyferry.background import Background
from keyferry.errors import IntegrityViolation, NotAuthenticated
from keyferry.status import status
from keyferry.store.store import Store
from keyferry.testing import ADDRESS, Kit

SOON = 120.0


def eventually(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does; a machine that is busy gets its time."""
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.01)


def unnumbered(kit: Kit) -> int:
    return sum(row["number"] is None for row in rows(kit, "audit_events"))


def change(kit: Kit, statement: str) -> None:
    """Change rows behind Keyferry's back."""
    with kit.installation.store.engine.begin() as connection:
        connection.execute(text(statement))


class TestATick:
    def test_every_event_has_its_number_after_two(self, kit: Kit) -> None:
        kit.user("kim")
        assert unnumbered(kit) > 0
        kit.background.tick()
        kit.background.tick()
        numbers = [row["number"] for row in rows(kit, "audit_events")]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        assert kit.custody.audit.verify(kit.administrator).findings == ()

    def test_what_it_does_itself_is_numbered_in_the_same_one(self, make_kit: Callable[..., Kit]) -> None:
        kit = make_kit(destruction_pending="0s")
        kim = kit.user("kim")
        kit.custody.states.destroy(kim, kit.key(kim, activated=False).key.id)
        with pytest.raises(NotAuthenticated):
            kit.installation.authenticator.authenticate("no token", ADDRESS)
        kit.background.tick()
        assert unnumbered(kit) == 0
        assert [row["state"] for row in rows(kit, "key_versions")] == ["destroyed"]
        assert rows(kit, "audit_events")[-1]["outcome"] == "done"

    def test_more_events_than_a_batch_are_numbered_at_once(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("keyferry.custody.audit_chain.BATCH", 3)
        for number in range(10):
            kit.group(f"group{number}")
        kit.background.tick()
        assert unnumbered(kit) == 0

    def test_an_audit_log_whose_end_was_cut_off_is_told(self, kit: Kit) -> None:
        kit.background.tick()
        change(kit, "DELETE FROM audit_events WHERE number = (SELECT max(number) FROM audit_events)")
        with pytest.raises(IntegrityViolation):
            kit.background.tick()


class TestTheThread:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(background, "TICK_SECONDS", 0.01)

    def test_it_numbers_what_is_written_while_it_runs_and_the_last_of_it_when_it_stops(self, kit: Kit) -> None:
        work = Background(kit.installation)
        work.start()
        kit.group("payments")
        eventually(lambda: unnumbered(kit) == 0)
        kit.group("billing")
        work.stop()
        assert unnumbered(kit) == 0
        assert work.fault is None

    def test_a_fault_makes_the_server_unready_until_it_is_gone(self, kit: Kit) -> None:
        work = Background(kit.installation)
        work.start()
        eventually(lambda: unnumbered(kit) == 0)
        server._require_ready(kit.installation, work)
        change(kit, "UPDATE audit_events SET head = leaf_hash WHERE number = (SELECT max(number) FROM audit_events)")
        eventually(lambda: work.fault is not None)
        told = [row for row in rows(kit, "audit_events") if row["outcome"] == "failed"]
        assert [row["code"] for row in told] == ["row-tampered"], "once, however often it is met"
        with pytest.raises(IntegrityViolation):
            server._require_ready(kit.installation, work)
        with pytest.raises(IntegrityViolation):
            work.stop()

    def test_what_fails_once_is_tried_again(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        failures = iter([OSError("disk full"), OSError("disk full")])
        number = Background._number_events

        def fail_twice(self: Background) -> None:
            for failure in failures:
                raise failure
            number(self)

        monkeypatch.setattr(Background, "_number_events", fail_twice)
        work = Background(kit.installation)
        work.start()
        eventually(lambda: unnumbered(kit) == 0)
        work.stop()


def test_counts_of_refusals_outlive_a_database_that_fails(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Store, work: object) -> None:
        raise OSError("disk full")

    for address in (ADDRESS, ADDRESS, "192.0.2.7"):
        with pytest.raises(NotAuthenticated):
            kit.installation.authenticator.authenticate("no token", address)
    with monkeypatch.context() as broken, pytest.raises(OSError, match="disk full"):
        broken.setattr(Store, "write", fail)
        kit.background.tick()
    with pytest.raises(NotAuthenticated):
        kit.installation.authenticator.authenticate("no token", ADDRESS)
    kit.background.tick()
    refused = [row for row in rows(kit, "audit_events") if row["outcome"] == "refused"]
    assert {row["address"]: json.loads(row["details"])["times"] for row in refused} == {ADDRESS: 3, "192.0.2.7": 1}


def test_last_uses_are_written_at_the_end(kit: Kit) -> None:
    work = Background(kit.installation)
    work.start()
    (token,) = rows(kit, "tokens")
    kit.custody.activity.note(token["id"])
    assert rows(kit, "activity") == []
    work.stop()
    assert [row["subject_id"] for row in rows(kit, "activity")] == [token["id"]]


def test_hourly_work_is_done_when_an_hour_has_passed(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    work = Background(kit.installation, hourly=[lambda: done.append("renewed")])
    work.tick()
    assert done == []
    later = time.monotonic() + background.HOURLY_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    work.tick()
    work.tick()
    assert done == ["renewed"]


def test_a_work_that_fails_is_told_and_keeps_nothing_else_from_being_done(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full of secrets")

    monkeypatch.setattr(kit.custody.jobs, "run", fail)
    monkeypatch.setattr(kit.custody.rotation, "run", fail)
    work = Background(kit.installation)
    with pytest.raises(OSError, match="disk full"):
        work.tick()
    work.work()
    work.runs.flush()
    assert unnumbered(kit) == 0
    found = {run.name: run for run in kit.custody.job_runs.list(kit.administrator)}
    for name in ("dates", "rotation"):
        assert (found[name].failure, found[name].failed_at) == ("OSError", found[name].last_at)
    assert found["reminders"].failure is None
    assert found["parsed-keys"].failure is None
    (run,) = [run for run in status(kit.installation.settings)["jobs"] if run["name"] == "rotation"]
    assert (run["node"], run["failure"], run["holds_lease"]) == (work.runs.node, "OSError", True)


def test_a_work_is_listed_as_soon_as_it_has_run(kit: Kit) -> None:
    work = Background(kit.installation)
    work.tick()
    work.work()
    found = {run.name: run for run in kit.custody.job_runs.list(kit.administrator)}
    assert {"dates", "rotation", "reminders"} <= set(found)
    assert all(run.last_at is not None and run.alive for run in found.values())


def test_who_stops_gives_its_leases_back_and_is_listed_no_more(kit: Kit) -> None:
    work = Background(kit.installation)
    work.start()
    eventually(lambda: len(rows(kit, "leases")) == 2)
    work.runs.flush()
    work.stop()
    assert rows(kit, "leases") == []
    assert rows(kit, "job_runs") == []
