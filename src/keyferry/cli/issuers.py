"""`keyferry issuer`: issuers whose tokens programs may present."""

from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.failures import Group
from keyferry.cli.files import read_input
from keyferry.cli.output import Output
from keyferry.cli.remote import limit_option, path, remote
from keyferry.cli.tokens import Lifetime
from keyferry.errors import InvalidInput

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_ROWS = {
    "Id": "id",
    "Issuer": "issuer",
    "Audience": "audience",
    "Keys from": "key_source",
    "Keys at": "jwks_url",
    "Algorithms": "algorithms",
    "Longest lifetime (s)": "longest_lifetime_seconds",
    "Clock skew (s)": "clock_skew_seconds",
    "Disabled": "disabled",
}
_of_tokens = (
    click.option("--jwks-url", metavar="URL", help="Where its keys are; else its own metadata say."),
    click.option("--jwks", metavar="FILE", help="Its keys: a JWK Set."),
    click.option("--algorithm", "algorithms", multiple=True, metavar="ALG", help="Such as RS256; may be repeated."),
    click.option(
        "--longest-lifetime", type=Lifetime(), metavar="SPAN", help="Such as 1h; tokens that last longer fail."
    ),
    click.option("--clock-skew", type=Lifetime(), metavar="SPAN", help="How far its clock may be off, such as 60s."),
)


def _with_token_options(command: Any) -> Any:
    for option in reversed(_of_tokens):
        command = option(command)
    return command


@click.group("issuer", cls=Group)
def issuer() -> None:
    """Issuers whose tokens programs may present."""


@issuer.command("create")
@click.argument("name", metavar="NAME")
@click.option("--issuer", "url", required=True, metavar="URL", help="As `iss` says it in its tokens, to the letter.")
@click.option("--audience", required=True, metavar="TEXT", help="What `aud` must say.")
@_with_token_options
@remote
def create(server: "Server", out: Output, /, name: str, url: str, audience: str, **given: Any) -> None:
    """Trust an issuer; `keyferry workload create` then says who acts as whom."""
    body = {"name": name, "issuer": url, "audience": audience, **_members(given)}
    made = server.create("/trusted-issuers", body)
    _show(out, made, f"Tokens of {url} are taken once a workload is bound.")


@issuer.command("list")
@limit_option
@remote
def list_issuers(server: "Server", out: Output, limit: int | None) -> None:
    """List the issuers, disabled ones included."""
    columns = {"NAME": "name", "ISSUER": "issuer", "AUDIENCE": "audience", "DISABLED": "disabled"}
    out.table(server.items("/trusted-issuers", limit=limit), columns, none="No issuer is trusted.")


@issuer.command("show")
@click.argument("reference", metavar="ID")
@remote
def show(server: "Server", out: Output, reference: str) -> None:
    """Show an issuer."""
    found = server.get(path("trusted-issuers", reference))
    _show(out, found, str(found.get("name")))


@issuer.command("edit")
@click.argument("reference", metavar="ID")
@click.option("--audience", metavar="TEXT", help="What `aud` must say.")
@click.option("--discover", is_flag=True, help="Take its keys from where its own metadata say.")
@_with_token_options
@remote
def edit(server: "Server", out: Output, /, reference: str, audience: str | None, discover: bool, **given: Any) -> None:
    """Change what its tokens must be; it holds from the next request."""
    if discover and (given["jwks_url"] or given["jwks"]):
        raise InvalidInput(
            "--discover is given with other keys.",
            field="jwks_url",
            advice="Give one of --discover, --jwks-url, --jwks.",
        )
    body = {"audience": audience, **_members(given)}
    if not given["algorithms"]:
        body.pop("algorithms", None)
    found = server.patch(path("trusted-issuers", reference), body, clear=("jwks_url",) if discover else ())
    _show(out, found, f"{found.get('name')} was changed.")


@issuer.command("disable")
@click.argument("reference", metavar="ID")
@remote
def disable(server: "Server", out: Output, reference: str) -> None:
    """Take its tokens no longer, from now on."""
    found = server.patch(path("trusted-issuers", reference), {"disabled": True})
    _show(out, found, f"{found.get('name')} is disabled.")


@issuer.command("enable")
@click.argument("reference", metavar="ID")
@remote
def enable(server: "Server", out: Output, reference: str) -> None:
    """Take its tokens again."""
    found = server.patch(path("trusted-issuers", reference), {"disabled": False})
    _show(out, found, f"{found.get('name')} is enabled.")


@issuer.command("delete")
@click.argument("reference", metavar="ID")
@remote
def delete(server: "Server", out: Output, reference: str) -> None:
    """Trust it no longer, for good; its workloads come in no more."""
    server.delete(path("trusted-issuers", reference))
    out.facts({"issuer": reference, "deleted": True}, {}, head=f"{reference} is trusted no longer.")


def _members(given: dict[str, Any]) -> dict[str, Any]:
    document = given["jwks"]
    return {
        "jwks_url": given["jwks_url"],
        "jwks": None if document is None else _key_set(document),
        "algorithms": list(given["algorithms"]) or None,
        "longest_lifetime_seconds": given["longest_lifetime"],
        "clock_skew_seconds": given["clock_skew"],
    }


def _key_set(file: str) -> Any:
    import json

    try:
        return json.loads(read_input(file, what="JWK Set", field="jwks"))
    except ValueError:
        raise InvalidInput(
            f"{file} holds no JSON.", field="jwks", advice="Give the JWK Set as it is published."
        ) from None


def _show(out: Output, found: dict[str, Any], head: str) -> None:
    rows = {label: found.get(name) for label, name in _ROWS.items()}
    rows["Algorithms"] = ", ".join(found.get("algorithms") or ())
    out.facts(found, rows, head=head)
