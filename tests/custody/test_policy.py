"""The policy's table against another one, written from the words of docs/architecture.md."""

from typing import cast

import pytest

from keyferry.custody.policy import POLICY, Operation, Relation, Role, permits

ALL, MINE, OWN, GRANTED, NEVER = "own group none", "own group", "own", "group", ""

# operation: what an Administrator may reach, what a Key Access User may reach
EXPECTED = {
    # users, groups, settings: an Administrator's; a Key Access User reads their own
    "user.create": (ALL, NEVER),
    "user.read": (ALL, OWN),
    "user.list": (ALL, NEVER),
    "user.edit": (ALL, NEVER),
    "user.password": (ALL, OWN),
    "user.disable": (ALL, NEVER),
    "user.enable": (ALL, NEVER),
    "user.delete": (ALL, NEVER),
    "group.create": (ALL, NEVER),
    "group.read": (ALL, MINE),
    "group.list": (ALL, MINE),
    "group.edit": (ALL, NEVER),
    "group.delete": (ALL, NEVER),
    "kek.register": (ALL, NEVER),
    "kek.list": (ALL, OWN),
    "kek.unregister": (ALL, NEVER),
    # key: generate for any group or user; for self or own group
    "key.generate": (ALL, MINE),
    # key: import, activate, rotate, edit, use, export: never an Administrator
    "key.import": (NEVER, MINE),
    "key.activate": (NEVER, MINE),
    "key.rotate": (NEVER, MINE),
    "key.promote": (NEVER, MINE),
    "key.edit": (NEVER, MINE),
    "key.use": (NEVER, MINE),
    "key.export": (NEVER, MINE),
    # key: deactivate and revoke yes, destroy never, cancel a destruction yes
    "key.deactivate": (ALL, MINE),
    "key.revoke": (ALL, MINE),
    "key.destroy": (NEVER, MINE),
    "key.cancel-destruction": (ALL, MINE),
    # reassign: an Administrator only when the owner is gone, which the operation itself looks at
    "key.reassign": (ALL, MINE),
    # metadata, metrics: of everything; of theirs
    "key.read": (ALL, MINE),
    "key.list": (ALL, MINE),
    "key.metrics": (ALL, MINE),
    "reminder.list": (ALL, MINE),
    "metrics.read": (ALL, NEVER),
    "export.list": (ALL, MINE),
    # connections: an Administrator makes them and uses none; members of a granted group see and use them
    "connection.create": (ALL, NEVER),
    "connection.read": (ALL, GRANTED),
    "connection.list": (ALL, MINE),
    "connection.edit": (ALL, NEVER),
    "connection.delete": (ALL, NEVER),
    "connection.use": (NEVER, GRANTED),
    # deployments: whoever may export the key; read by whoever may see it
    "deployment.create": (NEVER, MINE),
    "deployment.advance": (NEVER, MINE),
    "deployment.run": (NEVER, MINE),
    "deployment.observe": (NEVER, MINE),
    "deployment.back-up": (NEVER, MINE),
    "deployment.read": (ALL, MINE),
    "deployment.list": (ALL, MINE),
    # Customer Key requests: their owners', read by Administrators
    "customer-key.draft": (NEVER, MINE),
    "customer-key.edit": (NEVER, MINE),
    "customer-key.check": (NEVER, MINE),
    "customer-key.advance": (NEVER, MINE),
    "customer-key.read": (ALL, MINE),
    "customer-key.list": (ALL, MINE),
    # sessions and tokens are made by oneself, and ended by oneself or an Administrator
    "session.open": (OWN, OWN),
    "token.create": (OWN, OWN),
    "token.list": (ALL, OWN),
    "token.revoke": (ALL, OWN),
    # the audit log is an Administrator's
    "audit.read": (ALL, NEVER),
    # what runs where is an Administrator's; reminders come by themselves
    "job.list": (ALL, NEVER),
    "key.remind": (NEVER, NEVER),
    # backups and the root of trust: the server's own machine, nobody over the network
    "backup.create": (NEVER, NEVER),
    "backup.restore": (NEVER, NEVER),
    "root.export": (NEVER, NEVER),
    "root.rotate": (NEVER, NEVER),
    "root.passphrase": (NEVER, NEVER),
    "data-keys.rotate": (NEVER, NEVER),
}


def test_every_operation_has_a_row_in_both_tables() -> None:
    assert {operation.value for operation in Operation} == set(EXPECTED)
    assert set(POLICY) == set(Operation)


@pytest.mark.parametrize("relation", Relation)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("operation", Operation)
def test_every_cell_is_as_the_architecture_says(operation: Operation, role: Role, relation: Relation) -> None:
    administrator, key_access_user = EXPECTED[operation.value]
    reach = administrator if role is Role.ADMINISTRATOR else key_access_user
    assert permits(role, operation, relation) is (relation.value in reach.split())


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("relation", Relation)
def test_what_is_not_in_the_table_is_refused(role: Role, relation: Relation) -> None:
    assert not permits(role, cast("Operation", "key.steal"), relation)
