"""Identity providers in the settings: made, tested, switched on. A secret goes in here, and never comes out."""

from typing import Any, Final

from starlette.responses import Response

from keyferry.custody.issuer_facts import ALGORITHMS
from keyferry.custody.policy import Operation
from keyferry.custody.provider_ending import Opened
from keyferry.custody.provider_kinds import Kind
from keyferry.custody.providers import ProviderDetail
from keyferry.errors import NotFound
from keyferry.identity.oidc.addresses import Relying
from keyferry.identity.saml.addresses import ServiceProvider
from keyferry.identity.saml.kind import fingerprint
from keyferry.web.addresses import provider_address
from keyferry.web.forms import Form, require_typed
from keyferry.web.pages import action, form_page, page
from keyferry.web.provider_forms import first_shown, form_of, kind_of, new_provider, provider_edit
from keyferry.web.provider_keys import discard, own_keys, prepare, promote, retire
from keyferry.web.sso import sent
from keyferry.web.visits import Visit

_ALGORITHMS: Final = [(each, each) for each in ALGORITHMS]


async def list_providers(visit: Visit) -> Response:
    """Every provider."""
    await visit.require(Operation.PROVIDER_LIST)
    found = await visit.ask(visit.custody.providers.list, size=visit.page_size, after=visit.query("after"))
    return visit.page(
        "sso/list.html",
        providers=found.items,
        public_url=visit.console.services.settings.public_url,
        first="/settings/sso" if visit.query("after") else "",
        next=f"/settings/sso?after={found.next}" if found.next else "",
    )


async def show_new(visit: Visit, form: Form) -> Response:
    """Make one."""
    await visit.require(Operation.PROVIDER_CREATE)
    kind = kind_of(form.text("kind") if form.was_sent else visit.query("kind") or Kind.SAML.value)
    shown = form if form.was_sent else first_shown(kind)
    return visit.page("sso/new.html", form=shown, kind=kind.value, algorithms=_ALGORITHMS)


async def create(visit: Visit, form: Form) -> Response:
    """Keep it, disabled."""
    made = await visit.ask(visit.custody.providers.create, new_provider(form))
    return visit.go(
        provider_address(made.provider), f"{made.provider.name} was created. Test a sign-in, then enable it."
    )


async def show(visit: Visit) -> Response:
    """A provider, without its secret."""
    return await show_again(visit, Form())


async def show_again(visit: Visit, form: Form) -> Response:
    """The same, with what was refused of a form on it."""
    detail = await visit.ask(visit.custody.providers.show, visit.path("name"))
    return visit.page("sso/show.html", form=form, detail=detail, **_told(visit, detail))


async def show_edit(visit: Visit, form: Form) -> Response:
    """Change how people sign in through it, and what its attributes mean here."""
    await visit.require(Operation.PROVIDER_EDIT)
    detail = await visit.ask(visit.custody.providers.show, visit.path("name"))
    shown = form if form.was_sent else form_of(detail)
    return visit.page("sso/edit.html", form=shown, detail=detail, kind=detail.provider.kind, algorithms=_ALGORITHMS)


async def edit(visit: Visit, form: Form) -> Response:
    """Change it; what is left empty of files stays."""
    detail = await visit.ask(visit.custody.providers.show, visit.path("name"))
    wanted = provider_edit(Kind(detail.provider.kind), detail, form)
    revision = form.whole_number("revision")
    changed = await visit.ask(visit.custody.providers.edit, detail.provider.id, wanted, revision=revision)
    return visit.go(provider_address(changed.provider), f"{changed.provider.name} was changed.")


async def enable(visit: Visit, form: Form) -> Response:
    """Let people sign in through it."""
    providers = visit.custody.providers
    detail = await visit.ask(providers.enable, visit.path("name"), untested=form.ticked("untested"))
    return visit.go(provider_address(detail.provider), f"{detail.provider.name} is enabled.")


async def show_disable(visit: Visit, form: Form) -> Response:
    """Say what ends with it."""
    await visit.require(Operation.PROVIDER_DISABLE)
    return await _show_ending(visit, form, "sso/disable.html")


async def _show_ending(visit: Visit, form: Form, template: str) -> Response:
    detail = await visit.ask(visit.custody.providers.show, visit.path("name"))
    mine = await visit.ask(visit.custody.tokens.show, visit.caller.token_id or "")
    return visit.page(template, form=form, detail=detail, ends_own=mine.token.provider_id == detail.provider.id)


async def disable(visit: Visit, form: Form) -> Response:
    """Let nobody sign in through it any more, and end the sessions that it has opened."""
    done = await visit.ask(visit.custody.providers.disable, visit.path("name"), end_tokens=form.ticked("end_tokens"))
    provider = done.detail.provider
    return visit.go(provider_address(provider), f"{provider.name} is disabled.{_ended(done.ended)}")


async def refresh(visit: Visit, _form: Form) -> Response:
    """Fetch anew what it publishes."""
    detail = await visit.ask(visit.custody.providers.refresh, visit.path("name"))
    return visit.go(provider_address(detail.provider), "What the provider publishes was fetched anew.")


async def test(visit: Visit) -> Response:
    """Send the Administrator to the provider; what it says is shown, and no session is opened."""
    single_sign_on = visit.console.services.single_sign_on
    if single_sign_on is None:
        raise NotFound("This server has no single sign-on.")
    begun = await visit.ask(single_sign_on.begin_test, visit.path("name"))
    return sent(visit.request, visit.console, begun)


async def tested(visit: Visit) -> Response:
    """What the provider said, and whom it would come to."""
    return await _tested(visit, Form())


async def _tested(visit: Visit, form: Form) -> Response:
    providers = visit.custody.providers
    detail = await visit.ask(providers.show, visit.path("name"))
    trial = await visit.ask(providers.tested, detail.provider.id, visit.path("trial"))
    groups = {group.id: group.name for group in (await visit.ask(visit.custody.groups.list, size=500)).items}
    return visit.page("sso/tested.html", form=form, detail=detail, trial=trial, groups=groups)


async def confirm(visit: Visit, _form: Form) -> Response:
    """The test is right: the provider may be enabled."""
    detail = await visit.ask(visit.custody.providers.confirm_test, visit.path("name"), visit.path("trial"))
    return visit.go(provider_address(detail.provider), "The sign-in was tested: the provider can be enabled.")


async def show_delete(visit: Visit, form: Form) -> Response:
    """Ask for its name to be typed."""
    await visit.require(Operation.PROVIDER_DELETE)
    return await _show_ending(visit, form, "sso/delete.html")


async def delete(visit: Visit, form: Form) -> Response:
    """Delete it: its secret is erased."""
    detail = await visit.ask(visit.custody.providers.show, visit.path("name"))
    name = detail.provider.name
    require_typed(form, name, "the provider's name")
    ended = await visit.ask(visit.custody.providers.delete, detail.provider.id, end_tokens=form.ticked("end_tokens"))
    return visit.go("/settings/sso", f"The identity provider {name} was deleted.{_ended(ended)}")


def _ended(ended: Opened) -> str:
    counted = ((ended.sessions, "session"), (ended.tokens, "token"))
    words = [f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counted if number]
    return f" {' and '.join(words)} ended." if words else ""


def _told(visit: Visit, detail: ProviderDetail) -> dict[str, Any]:
    """What the provider has to be told of us, and what it has told of itself."""
    public_url = visit.console.services.settings.public_url
    idp = detail.configuration.get("idp") or {}
    return {
        "relying": Relying(public_url, detail.provider.name) if public_url else None,
        "sp": ServiceProvider(public_url, detail.provider.name) if public_url else None,
        "idp": idp,
        "own_keys": own_keys(detail.configuration),
        "fingerprints": [fingerprint(each) for each in idp.get("certificates", ())],
    }


routes = [
    page("/settings/sso", list_providers),
    form_page("/settings/sso/new", show_new, create),
    page("/settings/sso/{name}", show),
    form_page("/settings/sso/{name}/edit", show_edit, edit),
    action("/settings/sso/{name}/enable", enable, show_again),
    form_page("/settings/sso/{name}/disable", show_disable, disable),
    action("/settings/sso/{name}/refresh", refresh, show_again),
    action("/settings/sso/{name}/next-key", prepare, show_again),
    action("/settings/sso/{name}/next-key/discard", discard, show_again),
    action("/settings/sso/{name}/next-key/promote", promote, show_again),
    action("/settings/sso/{name}/earlier-key/retire", retire, show_again),
    page("/settings/sso/{name}/test", test),
    page("/settings/sso/{name}/tested/{trial}", tested),
    action("/settings/sso/{name}/tested/{trial}/confirm", confirm, _tested),
    form_page("/settings/sso/{name}/delete", show_delete, delete),
]
