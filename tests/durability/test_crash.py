"""A server that is killed at work, again and again: what it acknowledged is there, whole, and nothing needs repair."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from tests.durability.server import Creates, Server, free_port

from keyferry.custody.versions import unseal
from keyferry.store.sealed import KEY_VERSIONS, KEYS
from keyferry.store.transaction import Transaction
from keyferry.testing import Kek, Kit

CREATES = 2000
#: how many are acknowledged before each kill: early, at work, and with a log that has been checkpointed several times
KILLS = (60, 600, 900)
SIGKILLED = -9

ORPHANS = {
    "keys without their current version": """
        SELECT count(*) FROM keys LEFT JOIN key_versions v ON v.id = keys.current_version_id AND v.key_id = keys.id
        WHERE v.id IS NULL""",
    "keys with another number of versions": """
        SELECT count(*) FROM keys
        WHERE versions <> (SELECT count(*) FROM key_versions WHERE key_versions.key_id = keys.id)""",
    "versions without their key": """
        SELECT count(*) FROM key_versions LEFT JOIN keys ON keys.id = key_versions.key_id WHERE keys.id IS NULL""",
    "keys without their event": """
        SELECT count(*) FROM keys LEFT JOIN audit_events e ON e.object_id = keys.id AND e.object_revision = 1
            AND e.version_id = keys.current_version_id AND e.operation = 'key.generate' AND e.outcome = 'done'
        WHERE e.id IS NULL""",
    "exports without their event": """
        SELECT count(*) FROM exports LEFT JOIN audit_events e ON e.object_id = exports.key_id
            AND e.operation = 'key.export' AND e.outcome = 'done' AND e.details LIKE '%' || exports.id || '%'
        WHERE e.id IS NULL""",
    "events of another number of exports": """
        SELECT abs((SELECT count(*) FROM exports)
            - (SELECT count(*) FROM audit_events
                WHERE operation = 'key.export' AND outcome = 'done' AND object_type = 'key'))""",
    "events without their key": """
        SELECT count(*) FROM audit_events e LEFT JOIN keys ON keys.id = e.object_id
        WHERE e.operation = 'key.generate' AND e.outcome = 'done' AND keys.id IS NULL""",
}


def test_a_killed_server_loses_nothing_that_it_acknowledged(
    make_kit: Callable[..., Kit], database_file: Path | None, tmp_path: Path
) -> None:
    kit = make_kit(allow_plain_http=True)
    home = kit.installation.settings.home
    kit.user("kim")
    token = kit.token("kim")
    kit.close()
    acknowledged: list[str] = []
    exported: dict[str, str] = {}
    asked, kek = 0, Kek.make()
    for number, kill_after in enumerate(KILLS, start=1):
        with Server(home, free_port(), tmp_path / f"errors-{number}") as server:
            creates = Creates(server, token, kek)
            assert creates.run(total=CREATES, kill_after=kill_after) == SIGKILLED
        assert len(creates.acknowledged) >= kill_after
        acknowledged += creates.acknowledged
        exported |= creates.exported
        asked += creates.asked
    assert asked > len(acknowledged), "nothing was under way when the server was killed"
    reopened = Kit.open(home)
    try:
        require_whole(reopened, token, acknowledged, asked)
        require_exports(reopened, exported)
    finally:
        reopened.close()


def require_exports(kit: Kit, exported: dict[str, str]) -> None:
    """Every file that was handed out is on record, with what it was."""
    assert len(exported) > 50
    with kit.installation.store.engine.connect() as connection:
        kept = {str(row[0]): str(row[1]) for row in connection.execute(text("SELECT id, file_sha256 FROM exports"))}
    assert {id_: kept.get(id_) for id_ in exported} == exported


def require_whole(kit: Kit, token: str, acknowledged: list[str], asked: int) -> None:
    kim = kit.installation.authenticator.authenticate(token, None)
    store, sealer = kit.installation.store, kit.installation.sealer

    def material_bytes(tx: Transaction, key_id: str) -> int:
        key = KEYS.get(tx, sealer, key_id)
        assert key is not None
        version = KEY_VERSIONS.get(tx, sealer, key.current_version_id)
        assert version is not None
        return len(unseal(sealer, key, version).secret)

    lengths = store.read(lambda tx: [material_bytes(tx, key_id) for key_id in acknowledged])
    assert len(lengths) == len(acknowledged)
    assert all(length == 32 or length > 100 for length in lengths), "an AES key, or an EC key as PKCS#8"
    with store.engine.connect() as connection:
        found = {what: connection.execute(text(sql)).scalar_one() for what, sql in ORPHANS.items()}
        kept = connection.execute(text("SELECT count(*) FROM keys")).scalar_one()
        if store.engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    assert found == dict.fromkeys(ORPHANS, 0)
    assert len(acknowledged) <= kept <= asked
    kit.background.tick()
    assert kit.custody.audit.verify(kit.administrator).findings == ()
    assert kit.key(kim, "aes-256", "after-the-crashes").key.name == "after-the-crashes"
