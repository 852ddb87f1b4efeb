"""`keyferry emulator`: an Azure Key Vault on loopback, for rehearsals and tests."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.failures import Group
from keyferry.cli.output import Output, warn, write_json
from keyferry.cli.remote import json_option
from keyferry.errors import CannotStart

if TYPE_CHECKING:  # the emulator's parts are loaded when a command runs, not when its help is shown
    from keyferry.emulator.facts import Facts
    from keyferry.emulator.variables import Way

WAYS = ("cloud", "id", "proxy")
NOTICE = "This is an emulator of Azure Key Vault for tests and rehearsals. It guards nothing: not for production."

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The emulator's home; else KEYFERRY_EMULATOR_HOME, else ~/.local/share/keyferry-emulator.",
)


@click.group("emulator", cls=Group)
def emulator() -> None:
    """An Azure Key Vault on loopback, to rehearse with."""


@emulator.command("serve")
@home_option
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:8443", show_default=True, help="Loopback only.")
@click.option("--proxy", metavar="HOST:PORT", default="127.0.0.1:8899", show_default=True, help="Loopback only.")
@json_option
def serve(home: Path | None, listen: str, proxy: str, as_json: bool) -> None:
    """Serve an emulator from its home, made where it is missing."""
    _require_extra()
    from keyferry.emulator.home import resolve_home
    from keyferry.emulator.server import serve as run

    run(resolve_home(home), listen, proxy, _tell_programs if as_json else _tell)


@emulator.command("env")
@home_option
@click.option(
    "--way",
    type=click.Choice(WAYS),
    default="proxy",
    show_default=True,
    help="How clients reach it: a registered cloud, --id, or Azure's own names through the proxy.",
)
@json_option
def env(home: Path | None, way: str, as_json: bool) -> None:
    """Print what to set so that az and Azure's SDKs reach it: eval "$(keyferry emulator env)"."""
    _require_extra()
    from keyferry.emulator.facts import read_facts
    from keyferry.emulator.home import Home, is_serving, resolve_home
    from keyferry.emulator.variables import Way, commands, variables

    at = Home(resolve_home(home))
    facts, chosen = read_facts(at), Way(way)
    serving = is_serving(at)
    if as_json:
        Output(as_json=True).facts(_document(facts, chosen, serving=serving), {})
        return
    if not serving:
        warn(f"It does not serve now. Start it: keyferry emulator serve --home {at.directory}")
    out = Output(as_json=False)
    out.say(f"# {NOTICE}")
    for variable in variables(facts, chosen):
        out.say(variable.shell_line())
    out.say("# Then, with az:")
    for line in commands(facts, chosen):
        out.say(f"#   {line}")
    for line in _in_python(facts, chosen):
        out.say(f"# {line}")


def _document(facts: "Facts", way: "Way", *, serving: bool) -> dict[str, Any]:
    from keyferry.emulator.variables import commands, variables

    set_to = {each.name: each.value for each in variables(facts, way)}
    return {
        **facts.document(),
        "serving": serving,
        "way": way.value,
        "variables": {name: value for name, value in set_to.items() if isinstance(value, str)},
        "variables_from_files": {name: str(value) for name, value in set_to.items() if isinstance(value, Path)},
        "commands": list(commands(facts, way)),
    }


def _tell_programs(facts: "Facts") -> None:
    write_json(facts.document())
    sys.stdout.flush()


def _tell(facts: "Facts") -> None:
    """What serves, and what to do next."""
    out = Output(as_json=False)
    out.say(NOTICE)
    out.say()
    rows = {
        "Portal": f"{facts.portal_url}  (in a browser)",
        "Management and sign-in": facts.url,
        "Proxy": f"{facts.proxy_url}  (*.vault.azure.net, login.microsoftonline.com, management.azure.com)",
        "Tenant": facts.tenant_id,
        "Application": f"{facts.client_id}  (Owner and Key Vault Crypto Officer of both subscriptions)",
        "Its secret": facts.client_secret_file,
        "Its certificate": facts.client_certificate_file,
        "CA file": facts.ca_file,
    }
    out.facts({}, rows, head=f"The emulator serves {facts.home}")
    for vault in facts.vaults:
        out.say()
        out.say(f"Vault {vault.name}")
        where = {"Subscription": vault.subscription, "Resource group": vault.resource_group}
        out.facts({}, {"URL": vault.url, "Through the proxy": vault.proxied_url, **where})
    out.say()
    out.say("Next, in another shell:")
    out.say(f'  eval "$(keyferry emulator env --home {facts.home})"')
    sys.stdout.flush()


def _in_python(facts: "Facts", way: "Way") -> tuple[str, ...]:
    if way.value == "proxy":
        return ("With an SDK: its defaults, for example azure-identity's DefaultAzureCredential().",)
    url = facts.vaults[0].url if facts.vaults else facts.url
    return (
        "With azure-identity and azure-keyvault-keys: EnvironmentCredential(disable_instance_discovery=True), and",
        f'  KeyClient("{url}", credential, verify_challenge_resource=False)',
    )


def _require_extra() -> None:
    """Raises:
    CannotStart: what the emulator needs is not installed.
    """
    from importlib.util import find_spec

    missing = [package for package in ("joserfc", "Crypto") if find_spec(package) is None]
    if missing:
        raise CannotStart(
            f"The emulator's packages are not installed ({', '.join(missing)}).",
            advice="Install them: pip install 'keyferry[emulator]'",
        )
