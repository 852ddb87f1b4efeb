"""`keyferry demo`: from nothing to an activated Customer Key, on loopback, offline.

Three systems play: Keyferry; the emulator in the place of Azure Key Vault, reached as Azure is, by its own names and
through a proxy; and the emulator's stand-in for Microsoft 365's onboarding. Every step goes through a public interface:
Keyferry's command line, the Azure SDK as it comes, and OpenSSL as a witness that shares no code with either.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from keyferry.customer_key.workloads import ONBOARDING_APPLICATION, workload_named
from keyferry.rehearsal import openssl
from keyferry.rehearsal.activation import WORKLOAD, Activation
from keyferry.rehearsal.azure_sdk import environment
from keyferry.rehearsal.commands import ADMINISTRATOR, USER, Commands
from keyferry.rehearsal.local_server import LocalServer, start_emulator, start_keyferry
from keyferry.rehearsal.narration import Narration
from keyferry.rehearsal.workflow import (
    AZURE,
    CUSTOMER_KEY_OPERATIONS,
    KEYFERRY,
    Azure,
    Journey,
    Plan,
    Scene,
    Stage,
)

GROUP = "tenant-keys"
LOCATIONS = ("westeurope", "francecentral")


def run_demo(
    directory: Path | None = None, *, keep: bool = False, narration: Narration | None = None
) -> dict[str, Any]:
    """Walk the whole way.

    Args:
        directory: where everything goes; a new temporary directory without it.
        keep: leave both servers running and everything in place, and say how to go on and how to end it.

    Returns:
        Every step with its evidence, as `--json` prints it.

    Raises:
        KeyferryError: a step did not hold.
    """
    place = (directory or Path(tempfile.mkdtemp(prefix="keyferry-demo-"))).absolute()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    rehearsal = Rehearsal(place, narration or Narration())
    held = False
    try:
        rehearsal.walk()
        held = True
    finally:
        if not (keep and held):
            rehearsal.clean_up()
    rehearsal.close(kept=keep)
    return rehearsal.document()


class Rehearsal:
    """The steps in their order, and what they share."""

    def __init__(self, directory: Path, tell: Narration) -> None:
        self._directory = directory
        self._tell = tell
        self._commands = Commands(directory, tell)
        self._azure = Azure([], "", "", "", "", "")
        self._stage = Stage(directory, self._commands, tell, self._azure)
        self._servers: list[LocalServer] = []
        self._running = ExitStack()
        self._pair = [self._journey(index) for index in range(2)]
        self._third = Journey(
            Plan(
                subscription=0,
                location=LOCATIONS[0],
                vault=self._pair[0].plan.vault,
                key="signing-key",
                group=GROUP,
                operations=["sign", "verify"],
            ),
            self._stage,
        )

    def walk(self) -> None:
        """Play every scene."""
        scenes = list(self._scenes())
        self._tell.expect(len(scenes))
        self._tell.say(
            f"From a new key to an activated Customer Key, on this machine alone, in {self._directory}.\n"
            "An emulator stands in for Azure Key Vault and for Microsoft 365. "
            f"Witnesses: the Azure SDK, PyCryptodome in the emulator, {openssl.version()}."
        )
        with self._running:
            for scene in scenes:
                with self._tell.step(scene.system, scene.title):
                    scene.play()

    def clean_up(self) -> None:
        """Stop the servers; leave no private key, password or secret behind."""
        for server in self._servers:
            server.stop()
        for name in ("home", "emulator", "config"):
            shutil.rmtree(self._directory / name, ignore_errors=True)
        for file in (*self._directory.glob("*.password"), self._directory / "contacts.toml"):
            file.unlink(missing_ok=True)

    def close(self, *, kept: bool) -> None:
        """Say that it held, what remains, and where to go on."""
        seconds = sum(told.seconds or 0 for told in self._tell.told)
        self._tell.say(f"\nEvery step held: {len(self._tell.told)} steps in {seconds:.0f} s.")
        for journey in (*self._pair, self._third):
            self._tell.say(f"  {journey.plan.key:<16} {journey.identifier}")
        self._tell.say(f"What stays is in {self._directory}")
        if kept:
            self._tell_how_to_go_on()

    def document(self) -> dict[str, Any]:
        """Every step with its evidence."""
        return {"directory": str(self._directory), "held": True, "steps": [told.document for told in self._tell.told]}

    def _scenes(self) -> Iterator[Scene]:
        yield Scene(KEYFERRY, "Make an installation, with its first Administrator", self._initialise)
        yield Scene(KEYFERRY, "Start the server", self._serve)
        yield Scene(AZURE, "Start the emulator: two subscriptions, sign-in, a proxy for Azure's names", self._emulate)
        yield Scene(KEYFERRY, f"+Add Group {GROUP}", self._add_group)
        yield Scene(KEYFERRY, f"Add User {USER}, a Key Access User of it, who signs in", self._add_user)
        for journey in self._pair:
            yield from journey.all()
        yield Scene(KEYFERRY, "+Add Key signing-key, and push it into the first vault in one command", self._push)
        yield Scene(AZURE, "Prove it by signing there and verifying here", self._third.prove_by_signing)
        yield from Activation(self._pair, self._stage).scenes()

    def _journey(self, index: int) -> Journey:
        plan = Plan(
            subscription=index,
            location=LOCATIONS[index],
            vault=f"contoso-ck-{index + 1}",
            key=f"customer-key-{index + 1}",
            group=GROUP,
            operations=CUSTOMER_KEY_OPERATIONS,
        )
        return Journey(plan, self._stage)

    def _initialise(self) -> None:
        password = self._commands.password(ADMINISTRATOR)
        home = self._directory / "home"
        self._commands.run("init", "--home", home, "--admin", ADMINISTRATOR, "--password-file", password)

    def _serve(self) -> None:
        log = self._directory / "keyferry.log"
        self._servers.append(start_keyferry(self._directory / "home", log, self._commands.environment))
        self._tell.evidence(ready_at=self._servers[0].url)

    def _emulate(self) -> None:
        home = self._directory / "emulator"
        server = start_emulator(home, self._directory / "emulator.log", self._commands.environment)
        self._servers.append(server)
        facts = self._commands.facts("emulator", "env", "--home", home, "--way", "proxy")
        secrets = {name: Path(file).read_text() for name, file in facts["variables_from_files"].items()}
        variables = {name: str(value) for name, value in facts["variables"].items()} | secrets
        self._commands.also(variables)
        self._running.enter_context(environment(variables))
        self._azure.subscriptions = list(facts["subscriptions"])
        self._azure.tenant = facts["tenant_id"]
        self._azure.custodian = facts["principals"][facts["client_id"]]
        self._azure.microsoft = facts["principals"][workload_named(WORKLOAD).application_id]
        self._azure.onboarding = facts["principals"][ONBOARDING_APPLICATION]
        self._azure.emulator = facts["url"]
        self._tell.evidence(
            subscriptions=self._azure.subscriptions, proxy=facts["proxy_url"], tenant=self._azure.tenant
        )

    def _add_group(self) -> None:
        self._sign_in(ADMINISTRATOR)
        description = ("--description", "Keys that leave for Azure")
        self._commands.run("group", "create", GROUP, *description, by=ADMINISTRATOR)

    def _add_user(self) -> None:
        role = ("--role", "key-access-user", "--group", GROUP, "--default-group", GROUP)
        password = ("--password-file", self._commands.password(USER))
        self._commands.run("user", "create", USER, *role, *password, by=ADMINISTRATOR)
        self._sign_in(USER)

    def _sign_in(self, name: str) -> None:
        where = ("--server", self._servers[0].url, "--ca-file", self._directory / "home" / "tls" / "ca.pem")
        password = ("--password-file", self._commands.password(name))
        self._commands.run("login", *where, "--user", name, *password, "--profile", name)

    def _push(self) -> None:
        plan = self._third.plan
        words = ("--type", "rsa-3072", "--name", plan.key, "--group", plan.group)
        self._commands.run("key", "create", *words, by=USER)
        self._commands.run("key", "public-key", plan.key, "--output", self._third.public_file, by=USER)
        target = ("--vault", plan.vault_url, "--name", plan.key, "--kek-name", "kek")
        allowed = [word for operation in plan.operations for word in ("--operation", operation)]
        self._commands.run("azure", "push", plan.key, *target, *allowed, by=USER)

    def _tell_how_to_go_on(self) -> None:
        processes = " ".join(str(server.process.pid) for server in self._servers)
        self._tell.say(
            "Both servers go on running.\n"
            f"  Keyferry: {self._servers[0].url}, as {ADMINISTRATOR} or {USER}; "
            f"passwords in {self._directory}/*.password\n"
            f"            export XDG_CONFIG_HOME={self._directory}/config KEYFERRY_PROFILE={USER}\n"
            f"  Emulator: {self._azure.emulator}; "
            f'eval "$(keyferry emulator env --home {self._directory}/emulator --way proxy)"\n'
            f"End them with: kill {processes}"
        )
