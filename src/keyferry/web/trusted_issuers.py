"""Issuers whose tokens programs may present, for Administrators; an Auditor sees them."""

from starlette.responses import Response

from keyferry.clock import SECOND
from keyferry.custody.issuer_facts import ALGORITHMS, USUAL_ALGORITHMS, USUAL_LIFETIME, USUAL_SKEW, NewKeys
from keyferry.custody.policy import Operation
from keyferry.custody.trusted_issuers import IssuerEdit, NewIssuer
from keyferry.errors import InvalidInput
from keyferry.store.records import TrustedIssuer
from keyferry.web.addresses import address
from keyferry.web.forms import Form, require_typed
from keyferry.web.pages import form_page, page
from keyferry.web.visits import Visit

HOME = "/settings/workloads"
_SOURCES = (
    ("discovery", "Where its own metadata say", "Its address, and /.well-known/openid-configuration."),
    ("address", "At an address", ""),
    ("document", "As given here", "A JWK Set. New keys are given by hand, when the issuer changes its own."),
)


async def show(visit: Visit) -> Response:
    """An issuer."""
    issuer = await visit.ask(visit.custody.trusted_issuers.show, visit.path("name"))
    return visit.page("workloads/issuer.html", issuer=issuer)


async def show_new(visit: Visit, form: Form) -> Response:
    """Trust one."""
    await visit.require(Operation.ISSUER_CREATE)
    shown = form if form.was_sent else _usual()
    return visit.page("workloads/issuer_new.html", form=shown, sources=_SOURCES, algorithms=_pairs())


async def create(visit: Visit, form: Form) -> Response:
    """Trust it; nothing is asked of it yet."""
    new = NewIssuer(
        name=form.text("name"),
        issuer=form.text("issuer"),
        audience=form.text("audience"),
        keys=_keys(form),
        algorithms=tuple(form.all("algorithms")),
        longest_lifetime=_seconds(form, "longest_lifetime"),
        clock_skew=_seconds(form, "clock_skew"),
    )
    made = await visit.ask(visit.custody.trusted_issuers.create, new)
    return visit.go(issuer_address(made), f"The issuer {made.name} is trusted. Bind a workload to let one in.")


async def show_edit(visit: Visit, form: Form) -> Response:
    """Change what its tokens must be."""
    issuer = await visit.ask(visit.custody.trusted_issuers.show, visit.path("name"))
    await visit.require(Operation.ISSUER_EDIT)
    shown = form if form.was_sent else _form_of(issuer)
    return visit.page("workloads/issuer_edit.html", form=shown, issuer=issuer, sources=_SOURCES, algorithms=_pairs())


async def edit(visit: Visit, form: Form) -> Response:
    """Change it; that holds from the next request on."""
    wanted = IssuerEdit(
        audience=form.text("audience"),
        keys=_keys(form),
        algorithms=tuple(form.all("algorithms")),
        longest_lifetime=_seconds(form, "longest_lifetime"),
        clock_skew=_seconds(form, "clock_skew"),
        disabled=form.ticked("disabled"),
    )
    edit_, revision = visit.custody.trusted_issuers.edit, form.whole_number("revision")
    issuer = await visit.ask(edit_, visit.path("name"), wanted, revision=revision)
    return visit.go(issuer_address(issuer), "The issuer was changed.")


async def show_delete(visit: Visit, form: Form) -> Response:
    """Ask for its name to be typed."""
    issuer = await visit.ask(visit.custody.trusted_issuers.show, visit.path("name"))
    await visit.require(Operation.ISSUER_DELETE)
    return visit.page("workloads/issuer_delete.html", form=form, issuer=issuer)


async def delete(visit: Visit, form: Form) -> Response:
    """Trust it no longer."""
    issuer = await visit.ask(visit.custody.trusted_issuers.show, visit.path("name"))
    require_typed(form, issuer.name, "the issuer's name")
    await visit.ask(visit.custody.trusted_issuers.delete, issuer.id)
    return visit.go(HOME, f"The issuer {issuer.name} is trusted no longer.")


def issuer_address(issuer: TrustedIssuer) -> str:
    """Where an issuer's page is."""
    return address("settings", "workloads", "issuers", issuer.name)


def _keys(form: Form) -> NewKeys:
    """What the choice says, and nothing that was left in the other fields.

    Raises:
        InvalidInput: what the choice needs is missing.
    """
    source = form.text("source")
    if source == "discovery":
        return NewKeys()
    field = "jwks_url" if source == "address" else "jwks"
    given = form.text(field)
    if not given:
        raise InvalidInput(
            "The keys are missing.",
            field=field,
            advice="Give them, or let the issuer's own metadata say where they are.",
        )
    return NewKeys(url=given) if source == "address" else NewKeys(document=given)


def _seconds(form: Form, name: str) -> int:
    found = form.whole_number(name)
    if found is None:
        raise InvalidInput(f"{name} is missing.", field=name, advice="Give a number of seconds.")
    return found * SECOND


def _usual() -> Form:
    return Form.showing(
        source="discovery",
        algorithms=USUAL_ALGORITHMS,
        longest_lifetime=str(USUAL_LIFETIME // SECOND),
        clock_skew=str(USUAL_SKEW // SECOND),
    )


def _form_of(issuer: TrustedIssuer) -> Form:
    return Form.showing(
        audience=issuer.audience,
        source=issuer.key_source,
        jwks_url=issuer.key_set_url or "",
        jwks=issuer.key_set or "",
        algorithms=issuer.algorithms.split(","),
        longest_lifetime=str(issuer.longest_lifetime // SECOND),
        clock_skew=str(issuer.clock_skew // SECOND),
        disabled=issuer.disabled,
        revision=str(issuer.revision),
    )


def _pairs() -> list[tuple[str, str]]:
    return [(each, each) for each in ALGORITHMS]


routes = [
    form_page("/settings/workloads/issuers/new", show_new, create),
    page("/settings/workloads/issuers/{name}", show),
    form_page("/settings/workloads/issuers/{name}/edit", show_edit, edit),
    form_page("/settings/workloads/issuers/{name}/delete", show_delete, delete),
]
