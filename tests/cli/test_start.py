"""Starting fast, and tables that say what stands elsewhere."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from tests.cli.terminal import Shell

from keyferry import __version__
from keyferry.byok.destinations import DESTINATIONS
from keyferry.cli import choices
from keyferry.cli.command_line import PLACES, command_line
from keyferry.custody.approvals import Which
from keyferry.custody.audit_search import OUTCOMES
from keyferry.custody.groups import KEK_POLICIES
from keyferry.custody.key_orders import Sort
from keyferry.custody.lifecycle import RevocationReason, State
from keyferry.custody.policy import Covered, Role
from keyferry.material.algorithms import ALGORITHMS, Usage
from keyferry.material.using.methods import METHODS
from keyferry.material.using.signing import SignatureFormat

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("alembic", "argon2", "cryptography", "fastapi", "httpx2", "psycopg", "pydantic", "sqlalchemy", "uvicorn")


def loaded_after(*arguments: str) -> set[str]:
    """The top-level modules that a run of the command line has loaded."""
    code = (
        "import sys, keyferry.cli\n"
        f"sys.argv = ['keyferry', *{list(arguments)!r}]\n"
        "try:\n    keyferry.cli.main()\n"
        "except SystemExit:\n    print('LOADED', *sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split()) - {"LOADED"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["key", "create", "--help"], ["byok", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_after(*arguments)
    assert "click" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_command_that_needs_cryptography_loads_it() -> None:
    """So that the test above can fail."""
    assert "cryptography" in loaded_after("byok", "inspect", "/dev/null")


@pytest.mark.parametrize("name", PLACES)
def test_the_table_of_nouns_says_what_each_says_itself(name: str) -> None:
    command = command_line.get_command(click.Context(command_line), name)
    assert command is not None
    assert command.name == name
    assert command.help == PLACES[name][1]


def test_the_version_is_the_package_version(shell: Shell) -> None:
    assert shell("--version").out == f"keyferry {__version__}\n"


def test_choices_are_those_of_their_sources() -> None:
    assert list(choices.KEY_TYPES) == list(ALGORITHMS)
    assert list(choices.USAGES) == [usage.value for usage in Usage]
    assert list(choices.COVERED) == [each.value for each in Covered]
    assert list(choices.APPROVAL_LISTS) == [each.value for each in Which]
    assert list(choices.STATES) == [state.value for state in State]
    assert list(choices.KEY_SORTS) == [sort.value for sort in Sort]
    for usage, offered in (("encrypt", choices.ENCRYPTING), ("wrap", choices.WRAPPING), ("sign", choices.SIGNING)):
        assert list(offered) == [method.name for method in METHODS.values() if usage in method.usages]
    assert list(choices.SIGNATURE_FORMATS) == [form.value for form in SignatureFormat]
    assert choices.OUTCOMES == OUTCOMES
    assert list(choices.REASONS) == [reason.value for reason in RevocationReason]
    assert list(choices.ROLES) == [role.value for role in Role]
    assert set(choices.KEK_POLICIES) == {*KEK_POLICIES, "inherit"}
    assert list(choices.DESTINATIONS) == list(DESTINATIONS)


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with its path."""
    if not isinstance(command, click.Group):
        return [(path, command)]
    context = click.Context(command)
    found = []
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        found += leaves(below, (*path, name))
    return found


LEAVES = leaves(command_line)


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_no_option_takes_a_secret_itself(path: tuple[str, ...], command: click.Command) -> None:
    """What is secret comes in a file: an option for it ends in -file, or names a file of keys. A flag takes nothing."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.is_flag:
            continue
        for name in parameter.opts:
            secret = any(word in name for word in ("password", "passphrase", "token", "secret"))
            assert not secret or name.endswith("-file"), f"{path}: {name}"
        if parameter.envvar is not None:
            assert parameter.envvar == "KEYFERRY_PROFILE"


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_command_that_prints_facts_takes_json(path: tuple[str, ...], command: click.Command) -> None:
    options = {name for parameter in command.params for name in parameter.opts}
    assert ("--json" in options) == (path not in {("serve",), ("logout",)})


def test_the_page_of_commands_is_current() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for path, _ in leaves(command_line):
        assert f"\n## keyferry {' '.join(path)}\n" in page
    result = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
