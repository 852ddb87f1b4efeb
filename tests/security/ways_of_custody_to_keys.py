"""How each operation on keys, and on where they go, is asked of custody: every public method."""

from collections.abc import Iterator
from typing import Any

from tests.custody.pushing import LINE, new_connection, new_request, place
from tests.security.house import CIPHERTEXTS, EXPORT_KEK, fresh_name
from tests.security.objects import (
    a_connection,
    a_customer_key_request,
    a_deployment,
    a_deployment_through_a_connection,
    a_fresh_kek,
    a_key,
    a_key_to_be_destroyed,
    a_pre_active_key,
    a_registered_kek,
    a_rotated_key,
    an_aes_key,
    an_aes_key_that_encrypted,
    an_aes_key_that_wrapped,
    an_approval_request,
    an_export,
    an_imported_deployment,
    nothing,
    the_group,
)
from tests.security.standings import GROUP
from tests.security.the_table import Way

from keyferry.custody.caller import Origin
from keyferry.custody.connection_writing import ConnectionEdit
from keyferry.custody.customer_key_requests import RequestEdit
from keyferry.custody.customer_key_states import RequestState
from keyferry.custody.deployment_reports import Backup, Problem
from keyferry.custody.deployment_steps import Step
from keyferry.custody.export_batches import Passed
from keyferry.custody.finding import Wanted
from keyferry.custody.key_batches import WantedKey
from keyferry.custody.keys import KeyEdit, NewKey
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.use_values import Ciphertext, Payload
from keyferry.errors import KeyferryError
from keyferry.material.secret import Secret
from keyferry.testing import VAULT

KEK_READY = {"identifier": EXPORT_KEK.identifier, "public_key": EXPORT_KEK.public_pem.decode()}
#: asked by nobody in particular: the door answers it on the server's own machine
WITHOUT_A_CALLER = {"metrics.overall"}


def _only(chunks: Iterator[list[Any]]) -> object:
    """What became of the one item of a batch."""
    ((outcome,),) = chunks
    if isinstance(outcome, KeyferryError):
        raise outcome
    return outcome


OF_KEYS: dict[str, Way] = {
    "keys.generate": Way(
        "key.generate", the_group, lambda it, by, ref: it.keys.generate(by, NewKey(algorithm="aes-128", group=ref))
    ),
    "key_batches.generate": Way(
        "key.generate",
        the_group,
        lambda it, by, ref: _only(it.key_batches.generate(by, [WantedKey(NewKey(algorithm="aes-128", group=ref))])),
    ),
    "keys.import_": Way(
        "key.import",
        the_group,
        lambda it, by, ref: it.keys.import_(
            by, NewKey(algorithm="aes-128", group=ref), bytes(range(16)).hex().encode()
        ),
    ),
    "keys.show": Way("key.read", a_key),
    "keys.versions": Way("key.read", a_key),
    "key_access.list": Way("key.read", a_key),
    "key_choices.show": Way("key.read", a_key),
    "key_life.show": Way("key.read", a_key),
    "keys.list": Way("key.list", nothing, lambda it, by, _: it.keys.list(by, size=5)),
    "finding.find": Way("key.list", nothing, lambda it, by, _: it.finding.find(by, Wanted(), size=5)),
    "finding.total": Way("key.list", nothing),
    "keys.edit": Way("key.edit", a_key, lambda it, by, ref: it.keys.edit(by, ref, KeyEdit(description="A"))),
    "keys.reassign": Way("key.reassign", a_key, lambda it, by, ref: it.keys.reassign(by, ref, group=GROUP)),
    "states.activate": Way("key.activate", a_pre_active_key),
    "states.deactivate": Way("key.deactivate", a_key),
    "states.revoke": Way(
        "key.revoke", a_key, lambda it, by, ref: it.states.revoke(by, ref, RevocationReason.SUPERSEDED)
    ),
    "states.rotate": Way("key.rotate", a_key),
    "states.promote": Way("key.promote", a_rotated_key, lambda it, by, ref: it.states.promote(by, ref, version=1)),
    "states.destroy": Way("key.destroy", a_pre_active_key),
    "states.cancel_destruction": Way("key.cancel-destruction", a_key_to_be_destroyed),
    "uses.encrypt": Way("key.use", an_aes_key, lambda it, by, ref: it.uses.encrypt(by, ref, Secret(b"text"))),
    "uses.wrap": Way("key.use", an_aes_key, lambda it, by, ref: it.uses.wrap(by, ref, Secret(bytes(16)))),
    "uses.decrypt": Way(
        "key.use",
        an_aes_key_that_encrypted,
        lambda it, by, ref: it.uses.decrypt(by, ref, Ciphertext(data=CIPHERTEXTS.get(ref, b""))),
    ),
    "uses.unwrap": Way(
        "key.use",
        an_aes_key_that_wrapped,
        lambda it, by, ref: it.uses.unwrap(by, ref, Ciphertext(data=CIPHERTEXTS.get(ref, b""))),
    ),
    "uses.sign": Way("key.use", a_key, lambda it, by, ref: it.uses.sign(by, ref, Payload(message=b"text"))),
    "uses.verify": Way(
        "key.use", a_key, lambda it, by, ref: it.uses.verify(by, ref, Payload(message=b"text"), bytes(64))
    ),
    "keks.register": Way(
        "kek.register", a_fresh_kek, lambda it, by, ref: it.keks.register(by, "azure", ref, EXPORT_KEK.public_pem)
    ),
    "keks.unregister": Way("kek.unregister", a_registered_kek),
    "keks.list": Way("kek.list", nothing, lambda it, by, _: it.keks.list(by, size=5)),
    "exports.preview": Way("key.export", a_key, lambda it, by, ref: it.exports.preview(by, ref, EXPORT_KEK.request)),
    "exports.export": Way("key.export", a_key, lambda it, by, ref: it.exports.export(by, ref, EXPORT_KEK.request)),
    "export_batches.export": Way(
        "key.export",
        a_key,
        lambda it, by, ref: _only(it.export_batches.export(by, [ref], EXPORT_KEK.request, Passed())),
    ),
    "exports.show": Way("export.list", an_export),
    "exports.list": Way("export.list", a_key, lambda it, by, ref: it.exports.list(by, size=5, key=ref)),
    "exports.newest": Way("export.list", a_key, lambda it, by, ref: it.exports.newest(by, size=5, key=ref)),
    "connections.create": Way(
        "connection.create",
        nothing,
        lambda it, by, _: it.connections.create(by, new_connection(fresh_name("c"), groups=(GROUP,))),
    ),
    "connections.show": Way("connection.read", a_connection),
    "connections.list": Way("connection.list", nothing, lambda it, by, _: it.connections.list(by, size=5)),
    "connections.edit": Way(
        "connection.edit",
        a_connection,
        lambda it, by, ref: it.connections.edit(by, ref, ConnectionEdit(description="A")),
    ),
    "connections.delete": Way("connection.delete", a_connection),
    "connections.open": Way("connection.use", a_connection, lambda it, by, ref: it.connections.open(by, ref, VAULT)),
    "deployments.plan": Way("deployment.create", a_key, lambda it, by, ref: it.deployments.plan(by, ref, place())),
    "deployments.show": Way("deployment.read", a_deployment),
    "deployments.list": Way("deployment.list", a_key, lambda it, by, ref: it.deployments.list(by, size=5, key=ref)),
    "deployments.record": Way(
        "deployment.advance",
        a_deployment,
        lambda it, by, ref: it.deployments.record(by, ref, Step.KEK_READY, KEK_READY),
    ),
    "deployments.fail": Way(
        "deployment.advance",
        a_deployment,
        lambda it, by, ref: it.deployments.fail(by, ref, Step.KEK_READY, Problem(code="conflict", detail="No.")),
    ),
    "deployments.note_refusal": Way(
        "deployment.run",
        a_deployment,
        lambda it, by, ref: it.deployments.note_refusal(by, ref, Problem(code="conflict", detail="No."), since=0),
    ),
    "deployments.abandon": Way("deployment.advance", a_deployment),
    "deployments.lease": Way("deployment.run", a_deployment_through_a_connection),
    "deployments.release": Way(
        "deployment.run", a_deployment, lambda it, by, ref: it.deployments.release(by, ref, "x")
    ),
    "deployments.observe": Way(
        "deployment.observe", a_deployment, lambda it, by, ref: it.deployments.observe(by, ref, {"present": False})
    ),
    "deployments.backed_up": Way(
        "deployment.back-up",
        an_imported_deployment,
        lambda it, by, ref: it.deployments.backed_up(by, ref, Backup(sha256="0" * 64, size=1, taken_at=1)),
    ),
    "customer_key_requests.draft": Way(
        "customer-key.draft", the_group, lambda it, by, ref: it.customer_key_requests.draft(by, new_request(group=ref))
    ),
    "customer_key_requests.show": Way("customer-key.read", a_customer_key_request),
    "customer_key_requests.list": Way(
        "customer-key.list", nothing, lambda it, by, _: it.customer_key_requests.list(by, size=5)
    ),
    "customer_key_requests.edit": Way(
        "customer-key.edit",
        a_customer_key_request,
        lambda it, by, ref: it.customer_key_requests.edit(by, ref, RequestEdit(scenario="EXO")),
    ),
    "customer_key_requests.record_checks": Way(
        "customer-key.check",
        a_customer_key_request,
        lambda it, by, ref: it.customer_key_requests.record_checks(by, ref, [LINE]),
    ),
    "customer_key_requests.set_state": Way(
        "customer-key.advance",
        a_customer_key_request,
        lambda it, by, ref: it.customer_key_requests.set_state(
            by, ref, RequestState.VALIDATED, vouched=True, note="By hand."
        ),
    ),
    "metrics.show": Way("key.metrics", nothing),
    "metrics.places": Way("key.metrics", nothing),
    "metrics.refusals": Way("key.metrics", nothing, lambda it, by, _: it.metrics.refusals(by, size=5)),
    "metrics.scrape": Way("metrics.read", nothing),
    "metrics.overall": Way("key.metrics", nothing, lambda it, by, _: it.metrics.overall(Origin(by.address))),
    "reminders.list": Way("reminder.list", nothing, lambda it, by, _: it.reminders.list(by, size=5)),
    "approvals.show": Way("approval.read", an_approval_request),
    "approvals.list": Way("approval.list", nothing, lambda it, by, _: it.approvals.list(by, size=5)),
    "approvals.waiting": Way("approval.list", nothing),
    "approvals.approve": Way("approval.approve", an_approval_request),
    "approvals.reject": Way("approval.reject", an_approval_request),
    "approvals.withdraw": Way("approval.withdraw", an_approval_request),
    "approvals.policy_of_group": Way("group.read", the_group),
    "approvals.policy_of_key": Way("key.read", a_key),
}
