"""What happens before an operation's writing part, after a reading part or none: it judges rows as they are then.

The writing part reads at once what the same operation has asked for before; nothing of what was read then counts.
"""

from collections.abc import Callable
from typing import Any

import pytest
from tests.integrity.conftest import Scene

from keyferry.custody.accounts import UserEdit
from keyferry.custody.export_batches import Passed
from keyferry.custody.exports import ExportedFile
from keyferry.custody.groups import GroupEdit
from keyferry.custody.keys import KeyEdit, NewKey
from keyferry.custody.lifecycle import RevocationReason
from keyferry.errors import (
    Conflict,
    IntegrityViolation,
    InvalidInput,
    KekRefused,
    KeyferryError,
    NotAuthenticated,
    NotFound,
)
from keyferry.testing import Kek


def export(scene: Scene) -> ExportedFile:
    return scene.kit.export(scene.kim, scene.key_id, scene.kek)


@pytest.fixture
def meanwhile(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Do something once, after the next operation has read and before it writes."""
    store = scene.kit.installation.store

    def arrange(act: Callable[[], object]) -> None:
        write = type(store).write

        def acting_first(work: Any) -> Any:
            monkeypatch.undo()
            act()
            return write(store, work)

        monkeypatch.setattr(store, "write", acting_first)

    return arrange


def revoke_token(scene: Scene) -> object:
    return scene.kit.custody.tokens.revoke(scene.kim, scene.kim.token_id or "")


def disable(scene: Scene) -> object:
    return scene.kit.custody.users.disable(scene.admin, "kim")


def leave_group(scene: Scene) -> object:
    return scene.kit.custody.users.edit(scene.admin, "kim", UserEdit(groups=()))


def other_network(scene: Scene) -> object:
    return scene.kit.custody.users.edit(scene.admin, "kim", UserEdit(networks=("192.0.2.0/24",)))


def compromise(scene: Scene) -> object:
    return scene.kit.custody.states.revoke(scene.kim, scene.key_id, RevocationReason.KEY_COMPROMISE)


def rotate(scene: Scene) -> object:
    return scene.kit.custody.states.rotate(scene.kim, scene.key_id)


def registered_only(scene: Scene) -> object:
    return scene.kit.custody.groups.edit(scene.admin, "payments", GroupEdit(kek_policy="registered"))


def bind_another(scene: Scene) -> object:
    return scene.kit.custody.keks.register(scene.admin, "azure", scene.kek.identifier, Kek.make().public_pem)


@pytest.mark.parametrize(
    ("act", "refusal"),
    [
        (revoke_token, NotAuthenticated),
        (disable, NotAuthenticated),
        (other_network, NotAuthenticated),
        (leave_group, NotFound),
        (compromise, Conflict),
        (registered_only, KekRefused),
        (bind_another, KekRefused),
    ],
)
def test_what_was_withdrawn_meanwhile_is_withdrawn(
    scene: Scene,
    meanwhile: Callable[[Callable[[], object]], None],
    act: Callable[[Scene], object],
    refusal: type[KeyferryError],
) -> None:
    meanwhile(lambda: act(scene))
    with pytest.raises(refusal):
        export(scene)
    assert scene.behind.rows("exports") == []


def test_a_key_that_was_rotated_meanwhile_leaves_as_it_is_then(
    scene: Scene, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    meanwhile(lambda: rotate(scene))
    assert export(scene).export.version_number == 2


@pytest.mark.parametrize(
    ("act", "refusal"),
    [
        (revoke_token, NotAuthenticated),
        (disable, NotAuthenticated),
        (other_network, NotAuthenticated),
        (leave_group, InvalidInput),
    ],
)
def test_a_right_that_was_withdrawn_while_a_key_was_validated_is_withdrawn(
    scene: Scene,
    meanwhile: Callable[[Callable[[], object]], None],
    act: Callable[[Scene], object],
    refusal: type[KeyferryError],
) -> None:
    """An import is judged on a snapshot, validated in a process of its own, and judged again."""
    before = len(scene.behind.rows("keys"))
    new = NewKey(algorithm="aes-256", name="imported", group="payments")
    meanwhile(lambda: act(scene))
    with pytest.raises(refusal):
        scene.kit.custody.keys.import_(scene.kim, new, bytes(range(32)))
    assert len(scene.behind.rows("keys")) == before
    assert scene.behind.newest_event()["outcome"] == "refused"


@pytest.mark.parametrize("again", [False, True], ids=["the first time", "as it has gone well before"])
@pytest.mark.parametrize(
    ("table", "find", "column", "value"),
    [
        ("users", lambda scene: scene.kim.user_id, "email", "kim@example.org"),
        ("tokens", lambda scene: scene.kim.token_id, "expires_at", 2**60),
        ("memberships", Scene.membership_id, "created_by", "nobody"),
        ("keys", lambda scene: scene.key_id, "description", "another"),
        ("key_versions", lambda scene: scene.version_id, "deactivation_date", 2**60),
        ("groups", Scene.group_id, "description", "another"),
    ],
)
def test_a_row_that_was_edited_meanwhile_is_refused(
    scene: Scene,
    meanwhile: Callable[[Callable[[], object]], None],
    table: str,
    find: Callable[[Scene], str],
    column: str,
    value: object,
    again: bool,
) -> None:
    if again:
        export(scene)
    before = len(scene.behind.rows("exports"))
    id_ = find(scene)
    meanwhile(lambda: scene.behind.edit(table, id_, **{column: value}))
    with scene.behind.refused_as_tampered():
        export(scene)
    assert len(scene.behind.rows("exports")) == before


@pytest.mark.parametrize("again", [False, True], ids=["the first time", "as it has gone well before"])
def test_an_old_row_that_was_put_back_meanwhile_is_refused(
    scene: Scene, meanwhile: Callable[[Callable[[], object]], None], again: bool
) -> None:
    old = scene.behind.row("keys", scene.key_id)
    scene.kit.custody.keys.edit(scene.kim, scene.key_id, KeyEdit(description="newer"))
    if again:
        export(scene)
    meanwhile(lambda: scene.behind.put_back("keys", old))
    with scene.behind.refused_as_tampered():
        export(scene)


def test_the_newest_event_edited_or_removed_meanwhile_is_refused(
    scene: Scene, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    export(scene)
    event = next(row for row in scene.behind.rows("audit_events") if row["object_id"] == scene.key_id)
    meanwhile(lambda: scene.behind.edit("audit_events", event["id"], actor_name="somebody else"))
    with scene.behind.refused_as_tampered():
        export(scene)
    scene.behind.put_back("audit_events", event)
    export(scene)
    meanwhile(lambda: scene.behind.remove("audit_events", event["id"]))
    with scene.behind.refused_as_tampered():
        export(scene)


@pytest.mark.parametrize("value", ["another", "no UTF-8"])
def test_of_a_batch_the_key_that_was_edited_is_refused_alone(scene: Scene, value: str) -> None:
    """A chunk's rows are read at once; one that is not as it was is met, refused and audited where it is asked for."""
    kit = scene.kit
    ids = [kit.key(scene.kim, "ec-p256", f"of-a-batch-{each}").key.id for each in "abc"]
    if value == "no UTF-8" and scene.behind.is_sqlite:  # PostgreSQL keeps none
        scene.behind.run("UPDATE keys SET description = CAST(x'ff' AS TEXT) WHERE id = :id", id=ids[1])
    else:
        scene.behind.edit("keys", ids[1], description=value)
    (outcomes,) = kit.custody.export_batches.export(scene.kim, ids, scene.kek.request, Passed())
    assert [type(outcome) for outcome in outcomes] == [ExportedFile, IntegrityViolation, ExportedFile]
    failed = [row for row in scene.behind.rows("audit_events") if row["code"] == "row-tampered"]
    assert [(row["operation"], row["outcome"]) for row in failed] == [("key.export", "failed")]
