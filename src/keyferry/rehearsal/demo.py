"""`keyferry demo`: from nothing to an activated Customer Key, on loopback, offline.

Three systems play: Keyferry; the emulator in the place of Azure Key Vault, reached as Azure is, by its own names and
through a proxy; and the emulator's stand-in for Microsoft 365's onboarding. Every step goes through a public interface:
Keyferry's command line, the Azure SDK as it comes, and OpenSSL as a witness that shares no code with either.
"""

import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from keyferry.customer_key.workloads import ONBOARDING_APPLICATION, workload_named
from keyferry.errors import InvalidInput
from keyferry.rehearsal import openssl
from keyferry.rehearsal.activation import WORKLOAD, Activation
from keyferry.rehearsal.azure_sdk import environment
from keyferry.rehearsal.commands import ADMINISTRATOR, USER, Commands, decides_where
from keyferry.rehearsal.endings import ended_by_signals, understood, unhurried
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
STAND_IN_WORDS = (
    "An emulator stands in for Azure Key Vault and for Microsoft 365: nothing is sent to Azure or to Microsoft."
)


def run_demo(
    directory: Path | None = None,
    *,
    keep: bool = False,
    narration: Narration | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Walk the whole way.

    However it ends (a step that does not hold, Ctrl-C, a signal to end), its servers are stopped and no key, password
    or secret of it stays; but for `keep`.

    Args:
        directory: where everything goes, new or empty; a new temporary directory without it.
        keep: leave both servers running and everything in place, and say how to go on and how to end it.
        report: is given every step with its evidence, also when one did not hold.

    Returns:
        Every step with its evidence, as `--json` prints it.

    Raises:
        KeyferryError: a step did not hold, or the directory will not do.
    """
    rehearsal = Rehearsal(_place(directory), narration or Narration())
    with ended_by_signals():
        try:
            rehearsal.walk()
        finally:
            held = rehearsal.held
            if not (keep and held):
                with unhurried():
                    rehearsal.clean_up()
            rehearsal.close(kept=keep and held)
            if report is not None:
                report(rehearsal.document(kept=keep and held))
    return rehearsal.document(kept=keep)


def _place(directory: Path | None) -> Path:
    """The directory of the rehearsal, made; nothing of anybody's is in it, so that it may be cleaned up afterwards.

    Raises:
        InvalidInput: it cannot be made, or something is in it.
    """
    try:
        place = (directory or Path(tempfile.mkdtemp(prefix="keyferry-demo-"))).absolute()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = any(place.iterdir())
    except OSError as error:
        raise InvalidInput(
            f"{directory or 'A temporary directory'} cannot be used: {error.strerror}.",
            code="file-refused",
            field="home",
            advice="Give --home a new directory that you may write to.",
        ) from error
    if taken:
        raise InvalidInput(
            f"{place} is not empty.",
            code="file-exists",
            field="home",
            advice="Give --home a new directory: the demo removes what it made there, and yours could be taken for it.",
        )
    return place


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
        self._walked = False
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
            f"{STAND_IN_WORDS}\n"
            f"Witnesses: the Azure SDK, PyCryptodome in the emulator, {openssl.version()}."
        )
        with self._running:
            for scene in scenes:
                with self._tell.step(scene.system, scene.title), understood(scene.system):
                    scene.play()
        self._walked = True

    @property
    def held(self) -> bool:
        """Whether every step was walked, and held."""
        return self._walked

    def clean_up(self) -> None:
        """Stop the servers; leave no private key, password or secret behind."""
        for server in self._servers:
            server.ask_to_stop()
        for server in self._servers:
            server.stop()
        for name in ("home", "emulator", "config"):
            shutil.rmtree(self._directory / name, ignore_errors=True)
        for file in (*self._directory.glob("*.password"), self._directory / "contacts.toml"):
            file.unlink(missing_ok=True)

    def close(self, *, kept: bool) -> None:
        """Say whether it held, what remains, and where to go on."""
        seconds = sum(told.seconds or 0 for told in self._tell.told)
        if self.held:
            self._tell.say(f"\nEvery step held: {len(self._tell.told)} steps in {seconds:.0f} s.")
            for journey in (*self._pair, self._third):
                self._tell.say(f"  {journey.plan.key:<16} {journey.identifier}")
        elif self._tell.told:
            last = self._tell.told[-1]
            self._tell.say(f"\nStopped at step {last.number}, {last.system}: {last.title}.")
            self._tell.say("Both servers are stopped, and no key, password or secret of the demo stays.")
        self._tell.say(f"What stays is in {self._directory}" + ("" if self.held else ", the servers' logs among it"))
        if kept:
            self._tell_how_to_go_on()

    def document(self, *, kept: bool = False) -> dict[str, Any]:
        """Every step with its evidence; and where everything is, if it goes on running."""
        told = {
            "directory": str(self._directory),
            "held": self.held,
            "stand_in": STAND_IN_WORDS,
            "steps": [told.document for told in self._tell.told],
        }
        return told | {"running": self._running_facts()} if kept else told

    def _scenes(self) -> Iterator[Scene]:
        yield Scene(KEYFERRY, "Make an installation, with its first Administrator", self._initialise)
        yield Scene(AZURE, "Start the emulator: two subscriptions, sign-in, a proxy for Azure's names", self._emulate)
        yield Scene(KEYFERRY, "Start the server", self._serve)
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
        made = self._commands.facts("init", "--home", home, "--admin", ADMINISTRATOR, "--password-file", password)
        names = ("home", "administrator", "database", "root", "root_fingerprint", "ca_fingerprint")
        self._tell.evidence(**{name: made[name] for name in names})

    def _serve(self) -> None:
        """It reaches the emulator as it would Azure, so that pushes can be had of it, too."""
        known = self._commands.environment
        kept = {name: value for name, value in known.items() if not decides_where(name)}
        ways = {name: value for name, value in known.items() if name.upper() in {"HTTPS_PROXY", "NO_PROXY"}}
        settings = {
            "KEYFERRY_AZURE_HOSTS": self._azure.emulator.removeprefix("https://"),
            "KEYFERRY_OUTGOING_CA_FILE": str(self._directory / "emulator" / "ca.pem"),
        }
        log = self._directory / "keyferry.log"
        self._servers.insert(0, start_keyferry(self._directory / "home", log, kept | ways | settings))
        self._tell.evidence(ready_at=self._servers[0].url)

    def _emulate(self) -> None:
        home = self._directory / "emulator"
        server = start_emulator(home, self._directory / "emulator.log", self._commands.environment)
        self._servers.append(server)
        facts = self._commands.facts("emulator", "env", "--home", home, "--way", "proxy")
        secrets = {name: Path(file).read_text() for name, file in facts["variables_from_files"].items()}
        variables = {name: str(value) for name, value in facts["variables"].items()} | secrets
        self._commands.also(variables)
        self._running.enter_context(environment(variables, without=decides_where))
        self._azure.subscriptions = list(facts["subscriptions"])
        self._azure.tenant = facts["tenant_id"]
        self._azure.custodian = facts["principals"][facts["client_id"]]
        self._azure.microsoft = facts["principals"][workload_named(WORKLOAD).application_id]
        self._azure.onboarding = facts["principals"][ONBOARDING_APPLICATION]
        self._azure.emulator = facts["url"]
        self._azure.sign_in = facts["client_id"]
        self._tell.evidence(
            subscriptions=self._azure.subscriptions, proxy=facts["proxy_url"], tenant=self._azure.tenant
        )

    def _add_group(self) -> None:
        self._sign_in(ADMINISTRATOR)
        description = ("--description", "Keys that leave for Azure")
        made = self._commands.facts("group", "create", GROUP, *description, by=ADMINISTRATOR)
        self._tell.evidence(group=made["id"], created_at=made["created_at"])

    def _add_user(self) -> None:
        role = ("--role", "key-access-user", "--group", GROUP, "--default-group", GROUP)
        password = ("--password-file", self._commands.password(USER))
        made = self._commands.facts("user", "create", USER, *role, *password, by=ADMINISTRATOR)
        self._sign_in(USER)
        names = ("name", "id", "role", "groups", "default_group")
        self._tell.evidence(**{name: made[name] for name in names})

    def _sign_in(self, name: str) -> None:
        where = ("--server", self._servers[0].url, "--ca-file", self._directory / "home" / "tls" / "ca.pem")
        password = ("--password-file", self._commands.password(name))
        self._commands.run("login", *where, "--user", name, *password, "--profile", name)

    def _push(self) -> None:
        plan = self._third.plan
        self._third.add()
        target = ("--vault", plan.vault_url, "--name", plan.key, "--kek-name", "kek")
        allowed = [word for operation in plan.operations for word in ("--operation", operation)]
        done = self._commands.facts("azure", "push", plan.key, *target, *allowed, by=USER)
        proof = done["evidence"]["proved"]
        self._tell.evidence(
            key_identifier=done["remote_identifier"],
            kek_identifier=done["kek_identifier"],
            operations=done["operations"],
            proved_by=f"{proof['how']}, {proof['algorithm']}",
        )

    def _running_facts(self) -> dict[str, Any]:
        """Where everything answers, and how to sign in; no secret, but the files that hold them."""
        keyferry, emulator = self._servers
        return {
            "keyferry": {
                "url": keyferry.url,
                "users": {name: str(self._commands.password(name)) for name in (ADMINISTRATOR, USER)},
                "ca_file": str(self._directory / "home" / "tls" / "ca.pem"),
                "profiles": str(self._directory / "config"),
                "process": keyferry.process.pid,
            },
            "emulator": {
                "url": emulator.url,
                "portal_url": f"{emulator.url}/portal/",
                "home": str(self._directory / "emulator"),
                "tenant": self._azure.tenant,
                "client_id": self._azure.sign_in,
                "client_secret_file": str(self._directory / "emulator" / "client-secret"),
                "vaults": [journey.plan.vault_url for journey in self._pair],
                "process": emulator.process.pid,
            },
        }

    def _tell_how_to_go_on(self) -> None:
        place = shlex.quote(str(self._directory))
        keyferry, emulator = (server.process.pid for server in self._servers)
        users = "".join(
            f"    {name:<6} password in {shlex.quote(str(self._commands.password(name)))}\n"
            for name in (ADMINISTRATOR, USER)
        )
        self._tell.say(
            "\nBoth servers go on running.\n"
            f"  Keyferry: {self._servers[0].url} in a browser, as either of\n{users}"
            f"    (its certificate is its own authority's, {place}/home/tls/ca.pem).\n"
            f"    Its server reaches the emulator: under Azure, {ADMINISTRATOR} can make a connection for {GROUP},\n"
            f"    tenant {self._azure.tenant},\n"
            f"    client {self._azure.sign_in},\n"
            f"    the secret in {place}/emulator/client-secret,\n"
            f"    and the vault {self._pair[0].plan.vault_url}; {USER} can push keys through it. Or\n"
            f"    export XDG_CONFIG_HOME={place}/config KEYFERRY_PROFILE={USER}\n"
            f"    keyferry key list\n"
            f"  Emulator: {self._azure.emulator}, a stand-in for Azure and for Microsoft 365\n"
            f"    {self._azure.emulator}/portal/ in a browser, or\n"
            f'    eval "$(keyferry emulator env --home {place}/emulator --way proxy)"\n'
            '    az login --service-principal -u "$AZURE_CLIENT_ID" '
            f'-p @{place}/emulator/client-secret --tenant "$AZURE_TENANT_ID"\n'
            f"    az keyvault key list --vault-name {self._pair[0].plan.vault}\n"
            f"End them with: kill {keyferry} {emulator}\n"
            f"Then remove all of it with: rm -r {place}"
        )
