"""What the installation is and how it does, and the key encryption keys that are welcome; for who sees everything."""

import json
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from keyferry.clock import SECOND, now
from keyferry.config.settings import Settings
from keyferry.custody.policy import Operation, Role
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.users import UserSearch
from keyferry.errors import InvalidInput
from keyferry.web.addresses import address
from keyferry.web.forms import Form
from keyferry.web.pages import action, form_page, page
from keyferry.web.templates import lasting
from keyferry.web.visits import Visit

#: accounts with an allow-list that the page shows
MOST_SHOWN: Final = 50
#: where on the page they are
_LIMITED: Final = "#whitelists"
#: what a registered key encryption key is for
DESTINATION: Final = "azure"


@dataclass(frozen=True, slots=True)
class Said:
    """A setting in words. `value` is the setting's, `name` what it is called in keyferry.toml."""

    words: str
    value: str
    name: str


async def show(visit: Visit) -> Response:
    """The settings page."""
    await visit.require(Operation.JOB_LIST)
    jobs = await visit.ask(visit.custody.job_runs.list)
    after = visit.query("after")
    limited = await visit.ask(visit.custody.users.search, UserSearch(has_networks=True), size=MOST_SHOWN, after=after)
    policy = await visit.ask(visit.custody.server_policy.show)
    facts = visit.console.services.facts
    return visit.page(
        "settings/show.html",
        jobs=jobs,
        limited=limited,
        first=f"/settings{_LIMITED}" if after else "",
        next=address("settings", after=limited.next) + _LIMITED if limited.next else "",
        networks=None if policy.networks is None else json.loads(policy.networks),
        second_factor_roles=json.loads(policy.second_factor_roles),
        facts=None if facts is None else await visit.work(facts),
        said=_said(visit.console.services.settings),
        now=now(),
    )


async def list_keks(visit: Visit) -> Response:
    """The key encryption keys that are known."""
    return await _keks(visit, Form())


async def _keks(visit: Visit, form: Form) -> Response:
    await visit.require(Operation.JOB_LIST)
    found = await visit.ask(visit.custody.keks.list, size=visit.page_size, after=visit.query("after"))
    return visit.page(
        "settings/keks.html",
        form=form,
        keks=found.items,
        policy=visit.console.services.settings.kek_policy,
        first="/settings/keks" if visit.query("after") else "",
        next=f"/settings/keks?after={found.next}" if found.next else "",
    )


async def show_register(visit: Visit, form: Form) -> Response:
    """Say that exports under a key encryption key are welcome."""
    await visit.require(Operation.KEK_REGISTER)
    return visit.page("settings/register_kek.html", form=form)


async def register(visit: Visit, form: Form) -> Response:
    """Register it: the identifier is bound to this public key for ever."""
    public_key = form.file("public_key")
    if public_key is None:
        raise InvalidInput(
            "No public key was given.", field="public_key", advice="Give the .pem that Azure offers as the download."
        )
    kek = await visit.ask(visit.custody.keks.register, DESTINATION, form.text("key_identifier"), public_key.data)
    return visit.go("/settings/keks", f"Registered: {kek.identifier}")


async def withdraw(visit: Visit, form: Form) -> Response:
    """Withdraw a registration."""
    kek = await visit.ask(visit.custody.keks.unregister, form.text("kek"))
    return visit.go("/settings/keks", f"No longer registered: {kek.identifier}")


async def show_networks(visit: Visit, form: Form) -> Response:
    """From where the server may be used, and by whom with a second factor alone."""
    await visit.require(Operation.SERVER_POLICY_EDIT)
    policy = await visit.ask(visit.custody.server_policy.show)
    if not form.was_sent:
        form = Form.showing(
            enforce_networks=policy.networks is not None,
            networks="" if policy.networks is None else "\n".join(json.loads(policy.networks)),
            second_factor_roles=json.loads(policy.second_factor_roles),
            revision=str(policy.revision),
        )
    return visit.page("settings/networks.html", form=form, policy=policy, address=visit.caller.address)


async def edit_networks(visit: Visit, form: Form) -> Response:
    """Change it, unless that would turn the person away who does, or somebody else has changed it meanwhile."""
    enforced = form.ticked("enforce_networks")
    wanted = ServerPolicyEdit(
        networks=tuple(form.lines("networks")) if enforced else None,
        enforce_networks=enforced,
        second_factor_roles=tuple(_role(each) for each in form.all("second_factor_roles")),
        even_if_locked_out=form.ticked("even_if_locked_out"),
    )
    await visit.ask(visit.custody.server_policy.edit, wanted, revision=form.whole_number("revision"))
    return visit.go("/settings", "Who may come in was changed.")


def _role(named: str) -> Role:
    try:
        return Role(named)
    except ValueError:
        raise InvalidInput(
            "There is no such role.", field="second_factor_roles", advice="Choose among those offered."
        ) from None


def _said(settings: Settings) -> list[Said]:
    return [
        Said("A session of the console ends when idle for", lasting(settings.session_idle * SECOND), "session_idle"),
        Said("A sign-in lasts at most", lasting(settings.token_lifetime * SECOND), "token_lifetime"),
        Said(
            "From Destroy to the erasure of a key's material",
            lasting(settings.destruction_pending * SECOND),
            "destruction_pending",
        ),
        Said(
            "Key encryption keys that exports accept, where a group says nothing else",
            "any" if settings.kek_policy == "any" else "registered ones only",
            "kek_policy",
        ),
        Said("The server listens on", str(settings.listen), "listen"),
        Said("Further names in its certificate", ", ".join(settings.tls_names) or "none", "tls_names"),
    ]


routes = [
    page("/settings", show),
    form_page("/settings/networks", show_networks, edit_networks),
    page("/settings/keks", list_keks),
    form_page("/settings/keks/register", show_register, register),
    action("/settings/keks/withdraw", withdraw, _keks),
]
