"""What `audit verify` finds: events edited, removed, added, moved; and what only a head kept elsewhere finds."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.integrity.behind import Behind, Row
from tests.integrity.conftest import Scene

from keyferry.clock import SECOND, now
from keyferry.custody import audit_chain, audit_verification
from keyferry.custody.audit_chain import EMPTY_HEAD, Head, leaf_hash, next_hash, sequence
from keyferry.errors import IntegrityViolation, InvalidInput
from keyferry.ids import new_id
from keyferry.store.events import NAMES
from keyferry.store.records import AuditEvent

PLACE = ("leaf_hash", "head", "place_mac")


@pytest.fixture
def log(scene: Scene) -> Scene:
    """A scene whose events are all numbered."""
    scene.kit.background.tick()
    return scene


def findings(scene: Scene, expected: Head | None = None) -> tuple[str, ...]:
    """What a walk over the log finds, without leaving an event of its own behind."""
    sealer = scene.kit.installation.sealer
    return scene.kit.installation.store.read(lambda tx: audit_verification.verify_log(tx, sealer, expected)).findings


def head_of(scene: Scene) -> Head:
    return scene.kit.installation.store.read(audit_chain.last_head)


def events(scene: Scene) -> list[Row]:
    return scene.behind.rows("audit_events")


def a_middle_one(scene: Scene) -> Row:
    rows = events(scene)
    return next(row for row in rows[2:-2] if row["object_revision"] is not None)


def test_a_sound_log_has_no_findings(log: Scene) -> None:
    result = log.kit.custody.audit.verify(log.admin)
    assert result.findings == ()
    assert result.events == len(events(log)) - 1  # verifying left one itself
    assert result.head == head_of(log)


def test_an_empty_log_is_sound(scene: Scene) -> None:
    scene.behind.run("DELETE FROM audit_events")
    assert findings(scene) == ()
    assert findings(scene, Head(0, EMPTY_HEAD)) == ()
    assert findings(scene, Head(1, EMPTY_HEAD)) != ()


def test_numbers_begin_at_one_and_have_no_gaps(log: Scene) -> None:
    assert sorted(row["number"] for row in events(log)) == list(range(1, len(events(log)) + 1))


def test_the_chain_can_be_computed_by_anyone(log: Scene) -> None:
    """RFC 6962 section 2.1 for the leaf; each head over the one before it."""
    head = EMPTY_HEAD
    for row in sorted(events(log), key=lambda row: row["number"]):
        event = AuditEvent(**row)
        assert row["leaf_hash"] == leaf_hash(event)
        head = next_hash(head, leaf_hash(event))
        assert row["head"] == head


@pytest.mark.parametrize("column", NAMES)
def test_an_edited_column_is_found(log: Scene, column: str) -> None:
    row = a_middle_one(log)
    value = row[column]
    other: Any
    if column == "outcome":
        other = "refused"
    elif isinstance(value, int):
        other = value + 1_000_000
    elif isinstance(value, bytes):
        other = value[:-1] + bytes([value[-1] ^ 1])
    else:
        other = 7 if column.endswith("revision") else "x"
    log.behind.run(f"UPDATE audit_events SET {column} = :other WHERE uid = :uid", other=other, uid=row["uid"])
    assert findings(log)
    log.behind.run(
        f"UPDATE audit_events SET {column} = :value WHERE uid = :uid",
        value=value,
        uid=other if column == "uid" else row["uid"],
    )
    assert findings(log) == ()


@pytest.mark.parametrize(
    "column", ["code", "actor_id", "object_id", "object_revision", "leaf_hash", "head", "place_mac"]
)
def test_an_emptied_column_is_found(log: Scene, column: str) -> None:
    row = a_middle_one(log)
    other = "x" if row[column] is None else None
    log.behind.run(f"UPDATE audit_events SET {column} = :other WHERE id = :id", other=other, id=row["id"])
    assert findings(log)


def test_an_event_made_unreadable_is_found(log: Scene) -> None:
    if not log.behind.is_sqlite:
        return
    for column, stray in (("at", "'x'"), ("number", "'x'"), ("number", "1.5"), ("head", "'x'"), ("mac", "7")):
        row = a_middle_one(log)
        log.behind.run(f"UPDATE audit_events SET {column} = {stray} WHERE id = :id", id=row["id"])
        assert any(f"row {row['id']}" in finding for finding in findings(log)), column
        log.behind.run(f"UPDATE audit_events SET {column} = :value WHERE id = :id", value=row[column], id=row["id"])
    assert findings(log) == ()


def test_an_event_removed_from_the_middle_is_found(log: Scene) -> None:
    row = a_middle_one(log)
    log.behind.run("DELETE FROM audit_events WHERE id = :id", id=row["id"])
    assert any("missing" in finding for finding in findings(log))


def test_an_event_removed_from_the_beginning_is_found(log: Scene) -> None:
    log.behind.run("DELETE FROM audit_events WHERE number = 1")
    assert any("missing" in finding for finding in findings(log))


class TestTheEndCutOff:
    def cut(self, log: Scene) -> Head:
        head = head_of(log)
        log.behind.run("DELETE FROM audit_events WHERE number > :number", number=head.number - 3)
        return head

    def test_it_is_found_only_with_a_head_kept_elsewhere(self, log: Scene) -> None:
        head = self.cut(log)
        assert findings(log) == ()
        (found,) = findings(log, head)
        assert str(head) in found

    def test_it_is_noticed_by_the_process_that_numbered_it(self, log: Scene) -> None:
        self.cut(log)
        with pytest.raises(IntegrityViolation, match="no longer in the log"):
            log.kit.background.tick()

    def test_what_has_grown_again_does_not_deceive_that_process(self, log: Scene) -> None:
        """Another node, or a restarted one, gives the same numbers to other events."""
        self.cut(log)
        for name in ("a", "b", "c", "d", "e"):
            log.kit.group(name)
        store, sealer = log.kit.installation.store, log.kit.installation.sealer
        store.write(lambda tx: sequence(tx, sealer))
        with pytest.raises(IntegrityViolation, match="no longer in the log"):
            log.kit.background.tick()


class TestAnExpectedHead:
    def test_the_present_head_is_met(self, log: Scene) -> None:
        assert findings(log, head_of(log)) == ()

    def test_an_earlier_head_is_met(self, log: Scene) -> None:
        earlier = head_of(log)
        log.kit.group("more")
        log.kit.background.tick()
        assert head_of(log).number > earlier.number
        result = log.kit.custody.audit.verify(log.admin, expected=Head.parse(str(earlier)))
        assert result.findings == ()

    def test_another_head_is_not_met(self, log: Scene) -> None:
        head = head_of(log)
        for wrong in (Head(head.number, bytes(32)), Head(head.number + 1, head.hash), Head(head.number - 1, head.hash)):
            assert findings(log, wrong)

    @pytest.mark.parametrize(
        "text", ["", "1", "1:", ":00", "x:" + "0" * 64, "1:" + "0" * 63, "1:" + "g" * 64, "-1:" + "0" * 64, "9" * 5000]
    )
    def test_what_is_no_head_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            Head.parse(text)
        assert refused.value.field == "expect_head"


def swap(behind: Behind, column: str, one: Row, other: Row) -> None:
    behind.run(f"UPDATE audit_events SET {column} = NULL WHERE id = :id", id=one["id"])
    behind.run(f"UPDATE audit_events SET {column} = :value WHERE id = :id", value=one[column], id=other["id"])
    behind.run(f"UPDATE audit_events SET {column} = :value WHERE id = :id", value=other[column], id=one["id"])


@pytest.mark.parametrize("columns", [("number",), ("head",), ("number", "head"), ("number", "head", "place_mac")])
def test_events_that_changed_places_are_found(log: Scene, columns: tuple[str, ...]) -> None:
    one, other = events(log)[2:4]
    for column in columns:
        swap(log.behind, column, one, other)
    assert findings(log)


def test_an_event_copied_to_the_end_is_found(log: Scene) -> None:
    row = a_middle_one(log)
    head = head_of(log)
    event = AuditEvent(**row)
    log.behind.add(
        "audit_events",
        {**row, "id": 10**6, "number": head.number + 1, "head": next_hash(head.hash, leaf_hash(event))},
    )
    assert any("twice" in finding for finding in findings(log))


def test_a_copy_without_a_number_is_found(log: Scene) -> None:
    place = {"id": 10**6, "number": None} | dict.fromkeys(PLACE)
    log.behind.add("audit_events", {**a_middle_one(log), **place})
    assert any("twice" in finding for finding in findings(log))
    log.kit.background.tick()
    assert any("twice" in finding for finding in findings(log))


def test_a_forged_event_is_found_and_listing_the_log_is_refused(log: Scene) -> None:
    copied = {name: value for name, value in a_middle_one(log).items() if name not in {"id", "number", *PLACE}}
    log.behind.add("audit_events", {**copied, "uid": new_id(), "actor_name": "mallory"})
    assert any("does not verify" in finding for finding in findings(log))
    with log.behind.refused_as_tampered():
        log.kit.custody.audit.list(log.admin, size=1000)


def rewritten(log: Scene, change: Callable[[list[Row]], list[Row]]) -> None:
    """Number and chain the whole log anew, as anybody can who reads how it is done; the MACs stay what they were."""
    rows = change(sorted(events(log), key=lambda row: row["number"]))
    log.behind.run("DELETE FROM audit_events")
    head = EMPTY_HEAD
    for number, row in enumerate(rows, start=1):
        placed = {**row, "number": number}
        leaf = leaf_hash(AuditEvent(**placed))
        head = next_hash(head, leaf)
        log.behind.add("audit_events", {**placed, "leaf_hash": leaf, "head": head})


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[:2] + rows[3:],
        lambda rows: rows[1:],
        lambda rows: [*rows[:2], rows[3], rows[2], *rows[4:]],
        lambda rows: [*rows, {**rows[2], "id": 10**6}],
    ],
    ids=["one removed", "the first removed", "two exchanged", "one repeated"],
)
def test_a_log_that_was_chained_anew_is_found(log: Scene, change: Callable[[list[Row]], list[Row]]) -> None:
    rewritten(log, change)
    assert findings(log)


def test_chaining_anew_without_a_change_changes_nothing(log: Scene) -> None:
    rewritten(log, lambda rows: rows)
    assert findings(log) == ()


def test_an_event_that_is_never_numbered_is_found(log: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    log.kit.group("late")
    assert findings(log) == ()
    later = now() + audit_verification.GRACE + SECOND
    monkeypatch.setattr("keyferry.custody.audit_verification.clock_now", lambda: later)
    assert all("never numbered" in finding for finding in findings(log))
    assert findings(log)
    log.kit.background.tick()
    assert findings(log) == ()


def test_more_events_than_a_batch_are_all_looked_at(log: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_verification, "BATCH", 3)
    for number in range(5):
        log.kit.group(f"group-{number}")
    row = events(log)[-1]
    log.behind.run("UPDATE audit_events SET details = '[]' WHERE id = :id", id=row["id"])
    assert len(findings(log)) == 1
    log.kit.background.tick()
    assert len(events(log)) == head_of(log).number
    assert len(findings(log)) == 1


def test_only_an_administrator_verifies(log: Scene) -> None:
    with pytest.raises(Exception, match=r"may not do audit\.read"):
        log.kit.custody.audit.verify(log.kim)


def test_reading_the_log_is_in_the_log(log: Scene) -> None:
    log.kit.custody.audit.list(log.admin, size=2)
    newest = log.behind.newest_event()
    assert (newest["operation"], newest["outcome"], newest["actor_id"]) == ("audit.read", "done", log.admin.user_id)
