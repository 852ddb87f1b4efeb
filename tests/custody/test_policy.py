"""The policy's table against another one, written from the words of docs/architecture.md."""

from typing import cast

import pytest

from keyferry.custody.policy import POLICY, Operation, Relation, Role, permits

COLUMNS = (Role.ADMINISTRATOR, Role.KEY_ACCESS_USER, Role.AUDITOR)
ALL, MINE, OWN, GRANTED, OTHERS, NEVER = "own group none", "own group", "own", "group", "none", ""

# operation: what an Administrator may reach, what a Key Access User may, what an Auditor may
EXPECTED = {
    # users, groups, settings: an Administrator's; a Key Access User reads their own
    "server-policy.read": (ALL, NEVER, ALL),
    "server-policy.edit": (ALL, NEVER, NEVER),
    # second factors: one's own, and an Administrator's right to take another's away
    "factor.list": (ALL, OWN, ALL),
    "factor.add": (OWN, OWN, OWN),
    "factor.remove": (OWN, OWN, OWN),
    "factor.reset": (OTHERS, NEVER, NEVER),
    # nobody asks for it: a sign-in is called so that has a step before it
    "session.begin": (NEVER, NEVER, NEVER),
    "user.create": (ALL, NEVER, NEVER),
    "user.read": (ALL, OWN, ALL),
    "user.list": (ALL, NEVER, ALL),
    "user.edit": (ALL, NEVER, NEVER),
    "user.password": (ALL, OWN, OWN),
    # an Administrator's: a link for another, and the end of waits; from the server's command line: a way back in
    "user.invite": (OTHERS, NEVER, NEVER),
    "user.unlock": (ALL, NEVER, NEVER),
    "user.recover": (NEVER, NEVER, NEVER),
    "user.disable": (ALL, NEVER, NEVER),
    "user.enable": (ALL, NEVER, NEVER),
    "user.delete": (ALL, NEVER, NEVER),
    "group.create": (ALL, NEVER, NEVER),
    "group.read": (ALL, MINE, ALL),
    "group.list": (ALL, MINE, ALL),
    "group.edit": (ALL, NEVER, NEVER),
    "group.delete": (ALL, NEVER, NEVER),
    "kek.register": (ALL, NEVER, NEVER),
    "kek.list": (ALL, OWN, ALL),
    "kek.unregister": (ALL, NEVER, NEVER),
    # key: generate for any group or user; for self or own group
    "key.generate": (ALL, MINE, NEVER),
    # key: import, activate, rotate, edit, use, export: never an Administrator
    "key.import": (NEVER, MINE, NEVER),
    "key.activate": (NEVER, MINE, NEVER),
    "key.rotate": (NEVER, MINE, NEVER),
    "key.promote": (NEVER, MINE, NEVER),
    "key.edit": (NEVER, MINE, NEVER),
    "key.use": (NEVER, MINE, NEVER),
    "key.export": (NEVER, MINE, NEVER),
    # key: deactivate and revoke yes, destroy never, cancel a destruction yes
    "key.deactivate": (ALL, MINE, NEVER),
    "key.revoke": (ALL, MINE, NEVER),
    "key.destroy": (NEVER, MINE, NEVER),
    "key.cancel-destruction": (ALL, MINE, NEVER),
    # reassign: an Administrator only when the owner is gone, which the operation itself looks at
    "key.reassign": (ALL, MINE, NEVER),
    # metadata, metrics: of everything; of theirs
    "key.read": (ALL, MINE, ALL),
    "key.list": (ALL, MINE, ALL),
    "key.metrics": (ALL, MINE, ALL),
    "reminder.list": (ALL, MINE, ALL),
    "metrics.read": (ALL, NEVER, ALL),
    "export.list": (ALL, MINE, ALL),
    # identity providers, and whom they vouch for: an Administrator's; everyone sees their own identities
    "identity-provider.create": (ALL, NEVER, NEVER),
    "identity-provider.read": (ALL, NEVER, ALL),
    "identity-provider.list": (ALL, NEVER, ALL),
    "identity-provider.edit": (ALL, NEVER, NEVER),
    "identity-provider.refresh": (ALL, NEVER, NEVER),
    "identity-provider.key": (ALL, NEVER, NEVER),
    "identity-provider.test": (ALL, NEVER, NEVER),
    "identity-provider.enable": (ALL, NEVER, NEVER),
    "identity-provider.disable": (ALL, NEVER, NEVER),
    "identity-provider.delete": (ALL, NEVER, NEVER),
    "identity.bind": (ALL, NEVER, NEVER),
    "identity.list": (ALL, OWN, ALL),
    "identity.unbind": (ALL, NEVER, NEVER),
    # connections: an Administrator makes them and uses none; members of a granted group see and use them
    "connection.create": (ALL, NEVER, NEVER),
    "connection.read": (ALL, GRANTED, ALL),
    "connection.list": (ALL, MINE, ALL),
    "connection.edit": (ALL, NEVER, NEVER),
    "connection.delete": (ALL, NEVER, NEVER),
    "connection.use": (NEVER, GRANTED, NEVER),
    # deployments: whoever may export the key; read by whoever may see it
    "deployment.create": (NEVER, MINE, NEVER),
    "deployment.advance": (NEVER, MINE, NEVER),
    "deployment.run": (NEVER, MINE, NEVER),
    "deployment.observe": (NEVER, MINE, NEVER),
    "deployment.back-up": (NEVER, MINE, NEVER),
    "deployment.read": (ALL, MINE, ALL),
    "deployment.list": (ALL, MINE, ALL),
    # Customer Key requests: their owners', read by Administrators
    "customer-key.draft": (NEVER, MINE, NEVER),
    "customer-key.edit": (NEVER, MINE, NEVER),
    "customer-key.check": (NEVER, MINE, NEVER),
    "customer-key.advance": (NEVER, MINE, NEVER),
    "customer-key.read": (ALL, MINE, ALL),
    "customer-key.list": (ALL, MINE, ALL),
    # sessions and tokens are made by oneself, and ended by oneself or an Administrator
    "session.open": (OWN, OWN, OWN),
    "token.create": (OWN, OWN, OWN),
    "token.list": (ALL, OWN, ALL),
    "token.revoke": (ALL, OWN, OWN),
    # certificates: one's own, or anybody's by an Administrator
    "certificate.issue": (ALL, OWN, OWN),
    "certificate.upload": (ALL, OWN, OWN),
    "certificate.list": (ALL, OWN, ALL),
    "certificate.revoke": (ALL, OWN, OWN),
    "certificate-authority.list": (ALL, NEVER, ALL),
    "certificate-authority.rotate": (ALL, NEVER, NEVER),
    "certificate-authority.retire": (ALL, NEVER, NEVER),
    # approvals: asked for by oneself, decided by those who are named, read by Administrators and Auditors too
    "approval.request": (OWN, OWN, NEVER),
    "approval.withdraw": (OWN, OWN, NEVER),
    "approval.approve": (GRANTED, GRANTED, NEVER),
    "approval.reject": (GRANTED, GRANTED, NEVER),
    "approval.read": (ALL, MINE, ALL),
    "approval.list": (ALL, MINE, ALL),
    # issuers and workloads: an Administrator's; who acts as me, I see and can end
    "trusted-issuer.create": (ALL, NEVER, NEVER),
    "trusted-issuer.read": (ALL, NEVER, ALL),
    "trusted-issuer.list": (ALL, NEVER, ALL),
    "trusted-issuer.edit": (ALL, NEVER, NEVER),
    "trusted-issuer.delete": (ALL, NEVER, NEVER),
    "workload.create": (ALL, NEVER, NEVER),
    "workload.read": (ALL, OWN, ALL),
    "workload.list": (ALL, OWN, ALL),
    "workload.revoke": (ALL, OWN, OWN),
    # the audit log is an Administrator's and an Auditor's
    "audit.read": (ALL, NEVER, ALL),
    # what runs where is theirs, too; reminders come by themselves
    "job.list": (ALL, NEVER, ALL),
    "key.remind": (NEVER, NEVER, NEVER),
    # backups, the root of trust, a policy that nobody can meet: the server's own machine, nobody over the network
    "approval.expire": (NEVER, NEVER, NEVER),
    "approval.lift": (NEVER, NEVER, NEVER),
    "backup.create": (NEVER, NEVER, NEVER),
    "backup.restore": (NEVER, NEVER, NEVER),
    "root.export": (NEVER, NEVER, NEVER),
    "root.rotate": (NEVER, NEVER, NEVER),
    "root.passphrase": (NEVER, NEVER, NEVER),
    "data-keys.rotate": (NEVER, NEVER, NEVER),
}


def test_every_operation_has_a_row_in_both_tables() -> None:
    assert {operation.value for operation in Operation} == set(EXPECTED)
    assert set(POLICY) == set(Operation)


@pytest.mark.parametrize("relation", Relation)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("operation", Operation)
def test_every_cell_is_as_the_architecture_says(operation: Operation, role: Role, relation: Relation) -> None:
    reach = EXPECTED[operation.value][COLUMNS.index(role)]
    assert permits(role, operation, relation) is (relation.value in reach.split())


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("relation", Relation)
def test_what_is_not_in_the_table_is_refused(role: Role, relation: Relation) -> None:
    assert not permits(role, cast("Operation", "key.steal"), relation)


def test_an_auditor_changes_nothing_but_how_they_sign_in_themselves() -> None:
    theirs = {"user.password", "session.open", "token.create", "token.revoke", "workload.revoke"}
    theirs |= {"certificate.issue", "certificate.upload", "certificate.revoke", "factor.add", "factor.remove"}
    reads = {operation for operation in Operation if operation.value.endswith((".read", ".list", ".metrics"))}
    for operation in Operation:
        reach = POLICY[operation].auditor
        if operation.value in theirs:
            assert reach == {Relation.OWN}, operation
        else:
            assert bool(reach) == (operation in reads), operation


def test_who_may_not_handle_keys_may_not_bring_one_in_or_out() -> None:
    for operation in (Operation.KEY_IMPORT, Operation.KEY_USE, Operation.KEY_EXPORT, Operation.CONNECTION_USE):
        assert [role for role in Role if POLICY[operation].of(role)] == [Role.KEY_ACCESS_USER]
