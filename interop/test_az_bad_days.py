"""What the unmodified Azure CLI makes of a service that throttles, and of one that drops connections."""

import json
from pathlib import Path

from interop.openssl import KeyPair, wrap
from interop.scene import Kek, Scene


def let(scene: Scene, **fault: object) -> None:
    """Let a fault wait for the next import at the first vault."""
    body = json.dumps({"operation": "import", "vault": scene.vault.name, **fault})
    scene.az("rest", "--method", "post", "--url", "/emulator/faults", "--body", body)


def versions_after_an_import(scene: Scene, name: str, file: Path) -> int:
    scene.az("keyvault", "key", "import", *scene.vault.key(name), "--byok-file", file)
    assert scene.az("rest", "--method", "get", "--url", "/emulator/faults")["faults"] == []
    return len(scene.az("keyvault", "key", "list-versions", *scene.vault.key(name)))


def test_it_waits_and_tries_again_when_throttled(scene: Scene, kek: Kek, rsa: KeyPair, tmp_path: Path) -> None:
    file = wrap(rsa.private, kek.public, kek.kid, tmp_path / "key.byok")
    let(scene, fault="throttle", retry_after=1)
    assert versions_after_an_import(scene, f"{scene.way}-throttled", file) == 1


def test_it_imports_twice_when_the_answer_is_lost(scene: Scene, kek: Kek, rsa: KeyPair, tmp_path: Path) -> None:
    file = wrap(rsa.private, kek.public, kek.kid, tmp_path / "key.byok")
    let(scene, fault="drop-after-commit")
    assert versions_after_an_import(scene, f"{scene.way}-answer-lost", file) == 2
