"""Root, data key and backups while a real server works: clients create and export all along, and nothing fails."""

import http.client
import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.durability.server import Server, free_port

from keyferry.backup.creating import create_backup
from keyferry.backup.restoring import restore_backup
from keyferry.backup.verifying import verify_backup
from keyferry.custody.resealing import Resealing
from keyferry.root_change import change_root
from keyferry.roots.copies import open_copy
from keyferry.roots.opening import NO_PASSPHRASE
from keyferry.testing import Kek, Kit

CLIENTS = 3
CREATED = 25


@dataclass
class Clients:
    """People who create and export until they are told to stop; what a server answered otherwise than it should."""

    server: Server
    token: str
    kek: Kek
    created: list[str] = field(default_factory=list)
    exported: int = 0
    wrong: list[str] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def working(self) -> Iterator[None]:
        """They work while the block runs, and until each has done something after it."""
        threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.enough.set()
            for thread in threads:
                thread.join()

    def ask(self, connection: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 201:
            self.wrong.append(f"{path}: {answer.status} {content.decode()}")
            return {}
        found: dict[str, Any] = json.loads(content)
        return found

    def _work(self) -> None:
        request = {
            "destination": "azure",
            "key_identifier": self.kek.identifier,
            "public_key": self.kek.public_pem.decode(),
        }
        with closing(self.server.connect()) as connection:
            last = False
            while not last:
                last = self.enough.is_set()
                made = self.ask(connection, "/keys", {"type": "aes-256"})
                self.created.append(made.get("id", "none"))
                self.exported += bool(self.ask(connection, "/keys/tenant/exports", request))


def test_root_and_data_key_are_changed_and_a_backup_is_made_while_clients_work(
    make_kit: Callable[..., Kit], database_file: Path | None, tmp_path: Path, kek: Kek
) -> None:
    kit = make_kit(allow_plain_http=True)
    home = kit.installation.settings.home
    kim = kit.user("kim")
    kit.key(kim, "rsa-2048", "tenant")
    for number in range(CREATED):
        kit.key(kim, "aes-256", f"there-before-{number}")
    with Server(home, free_port(), tmp_path / "errors") as server:
        clients = Clients(server, kit.token("kim"), kek)
        with clients.working():
            changed = change_root(kit.installation)
            reopened = Kit.open(home)
            opened = reopened.installation
            done = Resealing(opened.store, opened.sealer, opened.root).run(learned_within=0)
            made = create_backup(opened, tmp_path / "store.backup")
    assert clients.wrong == []
    assert clients.exported >= CLIENTS
    assert (done.generation, done.findings, opened.root_fingerprint) == (2, (), changed.now)
    kim = reopened.sign_in("kim")
    kept = {reopened.custody.keys.show(kim, key_id).key.id for key_id in clients.created}
    assert kept == set(clients.created)
    assert generation_of_newest(reopened) == 2  # the server seals under it, and has its root from the settings
    reopened.background.tick()
    assert reopened.custody.audit.verify(reopened.administrator).findings == ()
    root = open_copy(home / "root-2.key", NO_PASSPHRASE)
    assert verify_backup(made.file, root).findings == ()
    reopened.close()
    require_restored(restore_backup(made.file, root, tmp_path / "second").home, kek)


def require_restored(home: Path, kek: Kek) -> None:
    restored = Kit.open(home)
    try:
        restored.export(restored.sign_in("kim"), "tenant", kek)
    finally:
        restored.close()


def generation_of_newest(kit: Kit) -> int:
    """The data key that the newest key's row is under."""
    with kit.installation.store.engine.connect() as connection:
        seal = connection.exec_driver_sql("SELECT seal FROM keys ORDER BY created_at DESC LIMIT 1").scalar_one()
    return int(struct.unpack_from(">xI", bytes(seal))[0])
