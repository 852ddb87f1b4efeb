"""`keyferry demo`."""

import sys
from importlib import import_module
from pathlib import Path

import click

from keyferry.cli.failures import Command
from keyferry.cli.output import write_json
from keyferry.errors import CannotStart


@click.command(cls=Command, help="Walk the whole way, to an activated Customer Key, on loopback, offline.")
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    help="Where its files go, new or empty; a new temporary folder without it.",
)
@click.option("--keep", is_flag=True, help="Leave both servers running, and say how to sign in.")
@click.option("--json", "as_json", is_flag=True, help="Print every step with its evidence; the telling goes to stderr.")
def demo(home: Path | None, keep: bool, as_json: bool) -> None:
    """Walk the whole way, to an activated Customer Key, on loopback, offline."""
    _require_extras()
    from keyferry.rehearsal.demo import run_demo
    from keyferry.rehearsal.narration import Narration

    narration = Narration(sys.stderr if as_json else sys.stdout)
    run_demo(home, keep=keep, narration=narration, report=write_json if as_json else None)


def _require_extras() -> None:
    """See to it that what the demo plays with is installed.

    Raises:
        CannotStart: it is not.
    """
    for module in ("azure.keyvault.keys", "azure.identity", "joserfc", "Crypto"):
        try:
            import_module(module)
        except ModuleNotFoundError:
            raise CannotStart(
                "The demo needs the Azure SDK and the emulator, and they are not installed.",
                advice="Install them: pip install 'keyferry[azure,emulator]'",
            ) from None
