"""`keyferry sso`: identity providers, whose word is taken for who somebody is."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.failures import Group, WrongUsage
from keyferry.cli.output import Output
from keyferry.cli.remote import limit_option, path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

KINDS = ("saml", "oidc")
_MOST_METADATA = 256 * 1024

_name = click.argument("name", metavar="NAME")
_metadata = click.option("--metadata", metavar="FILE.xml", help="The provider's metadata, of SAML; - for stdin.")
_set = click.option(
    "--set",
    "members",
    metavar="MEMBER=VALUE",
    multiple=True,
    help="A member of the configuration, such as metadata_url=https://…; true and false are truth values.",
)
_credential = click.option(
    "--credential-file", metavar="FILE", help="A client's secret, or PEM of a SAML key and certificate; - for stdin."
)
_map = click.option(
    "--map", "attributes", metavar="WHAT=ATTRIBUTE", multiple=True, help="Such as user_name=mail, groups=memberOf."
)
_groups = click.option(
    "--group", "groups", metavar="VALUE=ID", multiple=True, help="Which value of the attribute is which group here."
)
_roles = click.option(
    "--role", "roles", metavar="VALUE=ROLE", multiple=True, help="Which value of the attribute is which role here."
)
_update = click.option("--update/--no-update", default=None, help="Set groups and role anew at every sign-in.")
_just_in_time = click.option("--just-in-time/--no-just-in-time", default=None, help="Make accounts for those who come.")
_second = click.option(
    "--asks-second-factor/--no-asks-second-factor", default=None, help="The provider asks for one: Keyferry does not."
)
_end_tokens = click.option(
    "--end-tokens", is_flag=True, help="End the API tokens that people have made in such sessions, too."
)
_skew = click.option(
    "--clock-skew", type=click.IntRange(0, 600), metavar="SECONDS", help="How far its clock may be off."
)


@click.group("sso", cls=Group)
def sso() -> None:
    """Single sign-on: identity providers, and whom they vouch for."""


@sso.command("create")
@_name
@click.option("--kind", type=click.Choice(KINDS), required=True, help="Which protocol it speaks.")
@_metadata
@_set
@_credential
@_map
@_groups
@_roles
@_update
@_just_in_time
@_second
@_skew
@remote
def create(
    server: "Server",
    out: Output,
    name: str,
    kind: str,
    metadata: str | None,
    members: tuple[str, ...],
    credential_file: str | None,
    attributes: tuple[str, ...],
    groups: tuple[str, ...],
    roles: tuple[str, ...],
    update: bool | None,
    just_in_time: bool | None,
    asks_second_factor: bool | None,
    clock_skew: int | None,
) -> None:
    """Make a provider. It is disabled until a sign-in through it was tested in the console."""
    body = {
        "name": name,
        "kind": kind,
        "configuration": _configuration(metadata, members),
        "credential": None if credential_file is None else _secret(credential_file),
        "mapping": _mapping(attributes, groups, roles, update=update),
        "just_in_time": just_in_time,
        "asks_second_factor": asks_second_factor,
        "clock_skew": clock_skew,
    }
    made = server.post("/identity-providers", body)
    out.facts(made, _rows(made), head=f"Provider {name} was made; it is disabled.")
    out.warn([f"Test a sign-in through it, then enable it: keyferry sso test {name}"])


@sso.command("list")
@limit_option
@remote
def list_providers(server: "Server", out: Output, limit: int | None) -> None:
    """List providers."""
    columns = {"NAME": "name", "KIND": "kind", "ENABLED": "enabled", "TESTED": "tested_at", "CREATED": "created_at"}
    out.table(server.items("/identity-providers", limit=limit), columns, none="There are no identity providers.")


@sso.command("show")
@_name
@remote
def show(server: "Server", out: Output, name: str) -> None:
    """Show a provider, by id or name; never its secret."""
    found = server.get(path("identity-providers", name))
    out.facts(found, _rows(found), head=f"Provider {found.get('name')}")


@sso.command("edit")
@_name
@_metadata
@_set
@_credential
@click.option("--renew-key", is_flag=True, help="Have Keyferry make itself a new key, of SAML.")
@_map
@_groups
@_roles
@_update
@_just_in_time
@_second
@_skew
@click.option("--untested", is_flag=True, help="Let an enabled provider stay so, though this was not tested.")
@remote
def edit(
    server: "Server",
    out: Output,
    name: str,
    metadata: str | None,
    members: tuple[str, ...],
    credential_file: str | None,
    renew_key: bool,
    attributes: tuple[str, ...],
    groups: tuple[str, ...],
    roles: tuple[str, ...],
    update: bool | None,
    just_in_time: bool | None,
    asks_second_factor: bool | None,
    clock_skew: int | None,
    untested: bool,
) -> None:
    """Change a provider; --map, --group, --role and --update together replace the whole mapping."""
    maps = bool(attributes or groups or roles) or update is not None
    body = {
        "configuration": _configuration(metadata, members) or None,
        "credential": None if credential_file is None else _secret(credential_file),
        "renew_credential": renew_key or None,
        "mapping": _mapping(attributes, groups, roles, update=update) if maps else None,
        "just_in_time": just_in_time,
        "asks_second_factor": asks_second_factor,
        "clock_skew": clock_skew,
        "untested": untested or None,
    }
    changed = server.patch(path("identity-providers", name), body)
    out.facts(changed, _rows(changed), head=f"Provider {changed.get('name')} was changed.")


@sso.command("test")
@_name
@remote
def test(server: "Server", out: Output, name: str) -> None:
    """Tell where a sign-in through a provider is tested, in a browser."""
    found = server.get(path("identity-providers", name))
    address = f"{server.profile.server}/settings/sso/{found.get('name')}/test"
    facts = {"name": found.get("name"), "address": address, "tested_at": found.get("tested_at")}
    rows = {"Open": address, "Last tested": found.get("tested_at")}
    out.facts(facts, rows, head="Sign in to the console as an Administrator, and open this.")


@sso.command("refresh")
@_name
@remote
def refresh(server: "Server", out: Output, name: str) -> None:
    """Fetch anew what a provider publishes, such as its certificates."""
    changed = server.post(path("identity-providers", name, "refresh"))
    out.facts(changed, _rows(changed), head=f"Provider {changed.get('name')} was refreshed.")


@sso.command("next-key")
@_name
@click.option("--credential-file", metavar="FILE", help="PEM of an RSA key and its certificate, in place of new ones.")
@click.option("--discard", is_flag=True, help="Erase it instead: it was never in use.")
@remote
def next_key(server: "Server", out: Output, name: str, credential_file: str | None, discard: bool) -> None:
    """Have a next key of our own with a SAML provider, published beside the one in use."""
    if discard:
        if credential_file is not None:
            raise WrongUsage("--discard takes no --credential-file.", advice="Leave one of them out.")
        changed = server.delete(path("identity-providers", name, "next-key"))
        return out.facts(changed, _key_rows(changed), head="The next key was erased.")
    body = {"credential": None if credential_file is None else _secret(credential_file)}
    changed = server.post(path("identity-providers", name, "next-key"), body)
    out.facts(changed, _key_rows(changed), head=f"Provider {changed.get('name')} has a next key, not in use yet.")
    out.warn([f"Have the provider read our metadata anew, then: keyferry sso promote-key {name}"])
    return None


@sso.command("promote-key")
@_name
@remote
def promote_key(server: "Server", out: Output, name: str) -> None:
    """Use the next key from now on; the one that was in use still opens what is encrypted to it."""
    changed = server.post(path("identity-providers", name, "next-key", "promote"))
    out.facts(changed, _key_rows(changed), head=f"The next key of {changed.get('name')} is in use.")
    out.warn([f"Once the provider encrypts to it: keyferry sso retire-key {name}"])


@sso.command("retire-key")
@_name
@remote
def retire_key(server: "Server", out: Output, name: str) -> None:
    """Erase the key that was in use before the last promotion."""
    changed = server.delete(path("identity-providers", name, "earlier-key"))
    out.facts(changed, _key_rows(changed), head=f"The earlier key of {changed.get('name')} was erased.")


@sso.command("enable")
@_name
@click.option("--untested", is_flag=True, help="Nobody has signed in through it yet, and that is known.")
@remote
def enable(server: "Server", out: Output, name: str, untested: bool) -> None:
    """Let people sign in through a provider."""
    changed = server.post(path("identity-providers", name, "enable"), {"untested": untested})
    out.facts(changed, {}, head=f"Provider {changed.get('name')} is enabled.")


@sso.command("disable")
@_name
@_end_tokens
@remote
def disable(server: "Server", out: Output, name: str, end_tokens: bool) -> None:
    """Let nobody sign in through a provider any more; the sessions that it has opened end at once."""
    changed = server.post(_ending("disable", end_tokens, name))
    rows = {"Sessions that ended": changed.get("ended_sessions"), "Tokens that ended": changed.get("ended_tokens")}
    out.facts(changed, rows, head=f"Provider {changed.get('name')} is disabled.")


@sso.command("delete")
@_name
@_end_tokens
@remote
def delete(server: "Server", out: Output, name: str, end_tokens: bool) -> None:
    """Delete a provider and its secret; its sessions end at once, and the name is not used again."""
    server.delete(_ending(None, end_tokens, name))
    out.facts({"name": name, "deleted": True}, {}, head=f"Provider {name} was deleted.")


@sso.command("bind")
@_name
@click.argument("user", metavar="USER")
@click.option("--subject", metavar="TEXT", help="What the provider calls the person, to the letter.")
@click.option("--user-name", metavar="TEXT", help="The user name that the provider says when the person first comes.")
@remote
def bind(server: "Server", out: Output, name: str, user: str, subject: str | None, user_name: str | None) -> None:
    """Let a person at a provider come to an account."""
    body = {"provider": name, "subject": subject, "user_name": user_name}
    made = server.post(path("users", user, "identities"), body)
    rows = {"Id": made.get("id"), "Subject": made.get("subject"), "Expected": made.get("expected")}
    out.facts(made, rows, head=f"{name} vouches for {made.get('user_name')}.")


@sso.command("identities")
@click.argument("user", metavar="USER")
@remote
def identities(server: "Server", out: Output, user: str) -> None:
    """List who at which provider comes to an account."""
    found = server.get(path("users", user, "identities"))
    columns = {"ID": "id", "PROVIDER": "provider", "SUBJECT": "subject", "EXPECTED": "expected"}
    out.table(found.get("items", []), columns, none="Nobody does.")


@sso.command("unbind")
@click.argument("identity", metavar="ID")
@remote
def unbind(server: "Server", out: Output, identity: str) -> None:
    """Let a person come to an account no more; its sessions and tokens end."""
    server.delete(path("identities", identity))
    out.facts({"id": identity, "deleted": True}, {}, head="Nobody comes to the account in this way any more.")


def _key_rows(found: Mapping[str, Any]) -> dict[str, Any]:
    """Our certificates by their fingerprints, as the provider shows them."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import load_pem_x509_certificate

    shown = found.get("configuration") or {}
    words = {"certificate": "In use", "next_certificate": "Next", "earlier_certificate": "Earlier"}
    return {
        label: load_pem_x509_certificate(shown[name].encode()).fingerprint(SHA256()).hex()
        for name, label in words.items()
        if shown.get(name)
    }


def _ending(what: str | None, end_tokens: bool, name: str) -> str:
    address = path("identity-providers", name) if what is None else path("identity-providers", name, what)
    return f"{address}?end_tokens=true" if end_tokens else address


def _configuration(metadata: str | None, members: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in _pairs(members, "--set").items():
        found[name] = {"true": True, "false": False}.get(value, value or None)
    if metadata is not None:
        from keyferry.cli.files import read_input
        from keyferry.errors import InvalidInput

        content = read_input(metadata, what="metadata", field="metadata", most=_MOST_METADATA)
        try:
            found["metadata"] = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidInput("The metadata is no UTF-8.", field="metadata", advice="Check the file.") from None
    return found


def _mapping(
    attributes: tuple[str, ...], groups: tuple[str, ...], roles: tuple[str, ...], *, update: bool | None
) -> dict[str, Any]:
    found: dict[str, Any] = dict(_pairs(attributes, "--map"))
    if groups:
        found["group_table"] = _pairs(groups, "--group")
    if roles:
        found["role_table"] = _pairs(roles, "--role")
    if update is not None:
        found["update"] = update
    return found


def _pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    """The last equals sign parts those of --group and --role, whose values may hold one; the first all others."""
    found = {}
    for each in given:
        name, equals, value = each.rpartition("=") if option in {"--group", "--role"} else each.partition("=")
        if not equals or not name:
            raise WrongUsage(f"{option} {each[:80]!r} has no '='.", advice=f"Write {option} NAME=VALUE.")
        found[name] = value
    return found


def _secret(file: str) -> str:
    from keyferry.cli.secret_input import read_secret
    from keyferry.errors import InvalidInput

    secret = read_secret(file, what="credential", field="credential_file")
    try:
        return secret.reveal().decode("ascii")
    except UnicodeDecodeError:
        raise InvalidInput(
            "The file holds something that is no ASCII text.", field="credential_file", advice="Check the file."
        ) from None


def _rows(found: Mapping[str, Any]) -> dict[str, Any]:
    configuration = {**(found.get("configuration") or {})}
    idp = configuration.pop("idp", None) or {}
    return {
        "Id": found.get("id"),
        "Kind": found.get("kind"),
        "Enabled": found.get("enabled"),
        "Tested": found.get("tested_at"),
        "Provider": idp.get("entity_id") or configuration.get("issuer"),
        "Configuration": json.dumps(
            {name: value for name, value in configuration.items() if not name.endswith("certificate")}
        ),
        "Mapping": json.dumps(found.get("mapping")),
        "Just in time": found.get("just_in_time"),
        "Asks for a second factor": found.get("asks_second_factor"),
        "Clock skew": found.get("clock_skew"),
        "Open sessions": found.get("open_sessions"),
        "Tokens made in them": found.get("open_tokens"),
    }
