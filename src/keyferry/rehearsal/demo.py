"""`keyferry demo`: the main job from end to end, on loopback, offline, with OpenSSL as the witness at the far end."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from keyferry.errors import KeyferryError
from keyferry.rehearsal import openssl
from keyferry.rehearsal.local_server import serving
from keyferry.rehearsal.narration import Narration

STEPS = 9
KEK_BITS = 3072
KEY_IDENTIFIER = "https://contoso-kv.vault.azure.net/keys/KEK/0123456789abcdef0123456789abcdef"


class StepFailed(KeyferryError):
    """A command of the demo failed, or its result was not what it should be."""

    default_code = "client-failed"
    default_advice = "The lines above show the command and what it said."


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo keeps its files."""

    directory: Path

    @property
    def home(self) -> Path:
        """The installation's home."""
        return self.directory / "home"

    @property
    def result(self) -> Path:
        """The transfer file: what stays."""
        return self.directory / "tenant-key.byok"

    def password(self, name: str) -> Path:
        """The file that holds a user's password, for `--password-file`."""
        return self.directory / f"{name}.password"


def run_demo(directory: Path | None = None, *, keep: bool = False, narration: Narration | None = None) -> Path:
    """Walk the whole way; every step is a command that a person could type.

    1. An installation is made. 2. Its server starts. 3. The Administrator signs in. 4. A group. 5. A Key Access User.
    6. That user makes an RSA key. 7. OpenSSL makes a key encryption key, as Azure Key Vault would. 8. The key is
    wrapped and exported. 9. OpenSSL alone unwraps the file, and the public keys are compared.

    Args:
        directory: where everything goes; a new temporary directory without it.
        keep: leave the installation there; otherwise only the file and the public keys stay.

    Returns:
        The transfer file.

    Raises:
        StepFailed: a step did not hold.
    """
    place = Place(directory or Path(tempfile.mkdtemp(prefix="keyferry-demo-")))
    place.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    tell = narration or Narration(STEPS)
    tell.say(f"Keyferry's main job, end to end, in {place.directory}. Witness: {openssl.version()}.")
    try:
        _walk(place, _Commands(place, tell), tell)
    finally:
        _clean_up(place, keep=keep)
    tell.say(f"\nEvery step held. The file for Azure is {place.result}")
    return place.result


def _walk(place: Place, commands: "_Commands", tell: Narration) -> None:
    for name in ("admin", "kim"):
        _write_password(place.password(name))
    with tell.step("Make an installation: store, root key, TLS certificate, first Administrator"):
        commands.keyferry("init", "--home", place.home, "--admin", "admin", "--password-file", place.password("admin"))
    with ExitStack() as running:
        with tell.step("Start the server"):
            url = running.enter_context(serving(place.home, place.directory / "server.log"))
            tell.fact(f"ready at {url}")
        _use_server(place, commands, tell, url)


def _use_server(place: Place, commands: "_Commands", tell: Narration, url: str) -> None:
    with tell.step("Sign in as the Administrator"):
        commands.login(url, "admin")
    with tell.step("Add a group"):
        commands.keyferry("group", "create", "tenant-keys", "--description", "Keys that leave for Azure")
    with tell.step("Add a Key Access User to it, and sign in as that user"):
        password = ("--password-file", place.password("kim"))
        commands.keyferry("user", "create", "kim", "--role", "key-access-user", "--group", "tenant-keys", *password)
        commands.login(url, "kim")
    with tell.step("Make an RSA key"):
        commands.keyferry("key", "create", "--type", "rsa-3072", "--name", "tenant-key", "--group", "tenant-keys")
        public_key = place.directory / "tenant-key.pem"
        commands.keyferry("key", "public-key", "tenant-key", "--output", public_key)
    with tell.step(f"Make a key encryption key with OpenSSL, RSA-{KEK_BITS}, in the place of Azure's"):
        kek = openssl.make_kek(place.directory, KEK_BITS)
        tell.fact(f"public half: {kek.public}")
    with tell.step("Wrap the key and export it"):
        target = ("--to", "azure", "--public-key", kek.public, "--key-identifier", KEY_IDENTIFIER)
        commands.keyferry("key", "export", "tenant-key", *target, "--output", place.result)
    with tell.step("Unwrap the file with OpenSSL alone, and compare the public keys"):
        unwrapped = openssl.unwrap(place.result, kek, place.directory)
        if openssl.public_key_of(unwrapped) != openssl.public_key_in(public_key):
            raise StepFailed("The key in the file is not the key that was exported.")
        tell.fact("OpenSSL unwrapped a valid RSA key, and its public key is the exported key's.")


class _Commands:
    """Runs `keyferry` as a person would, with a configuration of the demo's own."""

    def __init__(self, place: Place, tell: Narration) -> None:
        self._place = place
        self._tell = tell
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KEYFERRY_")}
        self._environment = kept | {"XDG_CONFIG_HOME": str(place.directory / "config")}

    def login(self, url: str, name: str) -> None:
        ca = self._place.home / "tls" / "ca.pem"
        password = self._place.password(name)
        self.keyferry("login", "--server", url, "--user", name, "--password-file", password, "--ca-file", ca)

    def keyferry(self, *words: str | Path) -> None:
        arguments = [str(word) for word in words]
        self._tell.command(["keyferry", *arguments])
        done = self._run(arguments)
        self._tell.fact((done.stdout + done.stderr).strip())
        if done.returncode != 0:
            raise StepFailed(f"keyferry {' '.join(arguments[:2])} ended with exit code {done.returncode}.")

    def _run(self, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # no shell, and words of our own
            [sys.executable, "-m", "keyferry", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )


def _write_password(path: Path) -> None:
    path.touch(mode=0o600)
    path.write_text(secrets.token_urlsafe(18))


def _clean_up(place: Place, *, keep: bool) -> None:
    """Leave no private key behind: the unwrapped key always goes, the installation unless it is to be kept."""
    for name in ("unwrapped.p8", "wrapped-aes", "wrapped-key"):
        (place.directory / name).unlink(missing_ok=True)
    if not keep:
        shutil.rmtree(place.home, ignore_errors=True)
        shutil.rmtree(place.directory / "config", ignore_errors=True)
        for name in ("admin", "kim"):
            place.password(name).unlink(missing_ok=True)
        (place.directory / "kek-private.pem").unlink(missing_ok=True)
