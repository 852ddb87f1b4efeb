"""The options that every command to a server has."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec
from urllib.parse import quote

import click

from keyferry.cli.output import Output
from keyferry.errors import InvalidInput

if TYPE_CHECKING:  # httpx2 is loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

P = ParamSpec("P")

profile_option = click.option(
    "--profile",
    metavar="NAME",
    envvar="KEYFERRY_PROFILE",
    default="default",
    show_default=True,
    help="The profile that `keyferry login` wrote; else KEYFERRY_PROFILE.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, with the names that REST uses.")
limit_option = click.option("--limit", type=click.IntRange(min=1), metavar="N", help="List at most N.")


def remote(command: Callable[Concatenate["Server", Output, P], None]) -> Callable[..., None]:
    """Give a command `--profile` and `--json`, and call it with a connection and the standard output."""

    @profile_option
    @json_option
    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        from keyferry.cli.connection import Server
        from keyferry.cli.profiles import load_profile

        name, as_json = str(kwargs.pop("profile")), bool(kwargs.pop("as_json"))
        with Server(load_profile(name)) as server:
            command(server, Output(as_json=as_json), *args, **kwargs)

    return run


def path(*parts: str) -> str:
    """A path of the REST door, each part quoted, so that a name cannot lead elsewhere.

    Raises:
        InvalidInput: a part is empty or made of dots, which is no id and no name.
    """
    for part in parts:
        if part in {"", ".", ".."}:
            raise InvalidInput(f"{part!r} is no id and no name.", advice="Give an id or a name.")
    return "/" + "/".join(quote(part, safe="") for part in parts)
