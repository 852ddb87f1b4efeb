"""What is written is read back before anything is answered: what the database made something else of is undone."""

import json
from collections.abc import Callable

import pytest
from tests.custody.reading import events_of
from tests.integrity.behind import Behind
from tests.integrity.conftest import Scene

from keyferry.custody.export_batches import Outcome, Passed
from keyferry.custody.exports import ExportedFile
from keyferry.errors import IntegrityViolation, NotFound

# What meddles with every new row of a table: a column of it becomes 1.
SQLITE_TRIGGER = """
CREATE TRIGGER meddling AFTER INSERT ON {table} BEGIN UPDATE {table} SET {column} = 1 WHERE id = NEW.id; END
"""
POSTGRESQL_FUNCTION = """
CREATE FUNCTION meddle() RETURNS trigger AS $$ BEGIN NEW.{column} = 1; RETURN NEW; END $$ LANGUAGE plpgsql
"""
POSTGRESQL_TRIGGER = "CREATE TRIGGER meddling BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION meddle()"


def meddle(behind: Behind, table: str, column: str) -> None:
    for statement in [SQLITE_TRIGGER] if behind.is_sqlite else [POSTGRESQL_FUNCTION, POSTGRESQL_TRIGGER]:
        behind.run(statement.format(table=table, column=column))


def export_many(scene: Scene) -> list[Outcome]:
    """The key twice, and one between that is none."""
    keys = [scene.key_id, "nowhere", scene.key_id]
    (chunk,) = scene.kit.custody.export_batches.export(scene.kim, keys, scene.kek.request, Passed())
    for outcome in chunk:
        if isinstance(outcome, IntegrityViolation):  # on PostgreSQL, each is written by itself
            raise outcome
    return chunk


def export_one(scene: Scene) -> object:
    return scene.kit.export(scene.kim, scene.key_id, scene.kek)


def make_one(scene: Scene) -> object:
    return scene.kit.key(scene.kim, "aes-128")


@pytest.mark.parametrize(
    ("operation", "do", "table", "column"),
    [
        ("key.generate", make_one, "keys", "created_at"),
        ("key.export", export_one, "exports", "file_bytes"),
        ("key.export", export_many, "exports", "file_bytes"),
    ],
    ids=["a key", "an export", "many exports"],
)
def test_what_is_not_kept_as_it_was_written_is_undone(
    scene: Scene, operation: str, do: Callable[[Scene], object], table: str, column: str
) -> None:
    meddle(scene.behind, table, column)
    before = scene.behind.everything()
    with pytest.raises(IntegrityViolation, match=f"of {table} differed when it was read back"):
        do(scene)
    assert scene.behind.everything() == before
    failed = events_of(scene.kit, operation, "failed")
    assert {event.code for event in failed} == {IntegrityViolation.default_code}


def test_many_are_kept_and_on_record_in_their_order(scene: Scene) -> None:
    export_one(scene)
    first, refusal, second = export_many(scene)
    assert isinstance(first, ExportedFile)
    assert isinstance(refusal, NotFound)
    assert isinstance(second, ExportedFile)
    kept = [row["id"] for row in scene.behind.rows("exports")]
    assert kept[1:] == [first.export.id, second.export.id]
    events = [row for row in scene.behind.rows("audit_events") if row["operation"] == "key.export"][-3:]
    done = [json.loads(event["details"])["export"] for event in events if event["outcome"] == "done"]
    assert done == [first.export.id, second.export.id]
    assert [event["object_name"] for event in events if event["outcome"] == "refused"] == ["nowhere"]
