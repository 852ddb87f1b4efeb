"""Deployments: a push into a vault is planned, run, followed step by step, looked at, backed up, given up."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from starlette.responses import Response

from keyferry.byok.vault_address import parse_vault_address
from keyferry.custody.deployment_rules import NewDeployment
from keyferry.custody.names import check_vault_key_name
from keyferry.deployments.kek import DEFAULT_NAME
from keyferry.deployments.push import Wishes
from keyferry.errors import InvalidInput, KeyferryError
from keyferry.web.addresses import address
from keyferry.web.deployment_words import shown
from keyferry.web.forms import Form
from keyferry.web.pages import action, form_page, page
from keyferry.web.pushing import begin, is_running, pushes_of
from keyferry.web.visits import Visit

CUSTOMER_KEY: Final = ("unwrapKey", "wrapKey")
#: connections that a push may choose from
_MOST: Final = 200
_SIZES: Final = (("", "as large as the key needs"), ("2048", "2048 bits"), ("3072", "3072 bits"), ("4096", "4096 bits"))


async def show_new(visit: Visit, form: Form) -> Response:
    """Push a key into a vault."""
    found = await visit.ask(visit.custody.connections.list, size=_MOST)
    usable = [each for each in found.items if not each.connection.disabled]
    return visit.page(
        "azure/push.html",
        can_push=visit.console.services.pushes is not None,
        connections=[(each.connection.name, each.connection.name) for each in usable],
        reached=[(each.connection.name, each.vaults) for each in usable],
        vaults=sorted({vault for each in usable for vault in each.vaults}),
        sizes=_SIZES,
        form=form if form.was_sent else Form.showing(key=visit.query("key"), kek_name=DEFAULT_NAME),
    )


async def create(visit: Visit, form: Form) -> Response:
    """Plan it, and begin."""
    pushes_of(visit)
    wishes = _wishes(form)
    key = await visit.ask(visit.custody.keys.show, form.text("key"))
    new = NewDeployment(
        vault=parse_vault_address(form.text("vault")).url,
        name=form.text("name") or key.key.name or "",
        operations=CUSTOMER_KEY if form.ticked("for_customer_key") else (),
        connection=form.text("connection"),
    )
    made = await visit.ask(visit.custody.deployments.plan, key.key.id, new)
    found = made.deployment.id
    try:
        await begin(visit, found, wishes)
    except KeyferryError as refusal:
        return visit.go(address("azure", "deployments", found), refusal.detail, kind="warning")
    return visit.go(address("azure", "deployments", found))


async def show(visit: Visit, form: Form | None = None) -> Response:
    """A deployment: its steps, what stopped it, what was seen in the vault."""
    id_ = visit.path("id")
    detail = await visit.ask(visit.custody.deployments.show, id_)
    each = shown(detail, running=is_running(id_))
    if visit.wants_part:
        if visit.query("seen") == each.mark:
            return Response(status_code=204)  # nothing has changed, so that nothing is said again
        return visit.part("azure/progress.html", each=each, said=True)
    kept = form if form is not None and form.was_sent else Form.showing(kek_name=DEFAULT_NAME)
    return visit.page(
        "azure/deployment.html",
        form=kept,
        sizes=_SIZES,
        can_push=visit.console.services.pushes is not None,
        each=each,
        said=False,
    )


async def run(visit: Visit, form: Form) -> Response:
    """Walk the steps that remain."""
    await begin(visit, visit.path("id"), _wishes(form))
    return visit.go(address("azure", "deployments", visit.path("id")))


async def observe(visit: Visit, form: Form) -> Response:
    """Look at what is in the vault."""
    del form
    work = partial(pushes_of(visit).observe, visit.caller, visit.path("id"))
    seen = shown(await visit.console.services.crew.batches.run(work))
    said = (
        "The vault was looked into: the key differs from ours." if seen.drift else "The vault's key is as it should be."
    )
    kind = "warning" if seen.drift else "done"
    return visit.go(address("azure", "deployments", visit.path("id")), said, kind=kind)


async def back_up(visit: Visit, form: Form) -> Response:
    """Have the vault make a backup, and send it, this once: it is kept nowhere."""
    del form
    id_ = visit.path("id")
    work = partial(pushes_of(visit).back_up, visit.caller, id_)
    content = await visit.console.services.crew.batches.run(work)
    detail = await visit.ask(visit.custody.deployments.show, id_)
    name = f"{detail.deployment.name}.keybackup"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type="application/octet-stream")


async def abandon(visit: Visit, form: Form) -> Response:
    """Give it up."""
    del form
    await visit.ask(visit.custody.deployments.abandon, visit.path("id"))
    return visit.go(address("azure", "deployments", visit.path("id")), "The deployment was abandoned.")


def _wishes(form: Form) -> Wishes:
    """
    Raises:
        InvalidInput: no key in a vault can have the name of the key encryption key.
    """
    kek_name = form.text("kek_name") or DEFAULT_NAME
    try:
        check_vault_key_name(kek_name)
    except InvalidInput as refusal:
        raise InvalidInput(refusal.detail, code=refusal.code, field="kek_name", advice=refusal.advice) from None
    bits: Mapping[str, int] = {"2048": 2048, "3072": 3072, "4096": 4096}
    return Wishes(
        kek_name=kek_name,
        kek_bits=bits.get(form.text("kek_bits")),
        new_version=form.ticked("new_version"),
        by_use=not form.ticked("public_key_proof"),
    )


routes = [
    form_page("/azure/push", show_new, create),
    page("/azure/deployments/{id}", show),
    action("/azure/deployments/{id}/run", run, show),
    action("/azure/deployments/{id}/observe", observe, show),
    action("/azure/deployments/{id}/back-up", back_up, show),
    action("/azure/deployments/{id}/abandon", abandon, show),
]
