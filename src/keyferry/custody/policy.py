"""Who may do what to what: one table, and no other place. What is not in the table is refused."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What an account is for. An Administrator is no member of groups and never handles key material."""

    ADMINISTRATOR = "administrator"
    KEY_ACCESS_USER = "key-access-user"


class Relation(StrEnum):
    """How a caller stands to the object of an operation."""

    OWN = "own"  # the caller's own account, token or key
    GROUP = "group"  # a group that the caller belongs to, a key of such a group, a connection granted to one
    NONE = "none"  # anything else


class Operation(StrEnum):
    """Everything that can be asked for. The values are the words of the audit log."""

    USER_CREATE = "user.create"
    USER_READ = "user.read"
    USER_LIST = "user.list"
    USER_EDIT = "user.edit"
    USER_PASSWORD = "user.password"
    USER_DISABLE = "user.disable"
    USER_ENABLE = "user.enable"
    USER_DELETE = "user.delete"
    GROUP_CREATE = "group.create"
    GROUP_READ = "group.read"
    GROUP_LIST = "group.list"
    GROUP_EDIT = "group.edit"
    GROUP_DELETE = "group.delete"
    KEK_REGISTER = "kek.register"
    KEK_LIST = "kek.list"
    KEK_UNREGISTER = "kek.unregister"
    KEY_GENERATE = "key.generate"
    KEY_IMPORT = "key.import"
    KEY_READ = "key.read"
    KEY_LIST = "key.list"
    KEY_EDIT = "key.edit"
    KEY_REASSIGN = "key.reassign"
    KEY_ACTIVATE = "key.activate"
    KEY_DEACTIVATE = "key.deactivate"
    KEY_REVOKE = "key.revoke"
    KEY_ROTATE = "key.rotate"
    KEY_PROMOTE = "key.promote"
    KEY_REMIND = "key.remind"
    KEY_DESTROY = "key.destroy"
    KEY_CANCEL_DESTRUCTION = "key.cancel-destruction"
    KEY_EXPORT = "key.export"
    KEY_USE = "key.use"
    REMINDER_LIST = "reminder.list"
    KEY_METRICS = "key.metrics"
    METRICS_READ = "metrics.read"
    EXPORT_LIST = "export.list"
    CONNECTION_CREATE = "connection.create"
    CONNECTION_READ = "connection.read"
    CONNECTION_LIST = "connection.list"
    CONNECTION_EDIT = "connection.edit"
    CONNECTION_DELETE = "connection.delete"
    CONNECTION_USE = "connection.use"
    DEPLOYMENT_CREATE = "deployment.create"
    DEPLOYMENT_READ = "deployment.read"
    DEPLOYMENT_LIST = "deployment.list"
    DEPLOYMENT_ADVANCE = "deployment.advance"
    DEPLOYMENT_RUN = "deployment.run"
    DEPLOYMENT_OBSERVE = "deployment.observe"
    DEPLOYMENT_BACK_UP = "deployment.back-up"
    CUSTOMER_KEY_DRAFT = "customer-key.draft"
    CUSTOMER_KEY_READ = "customer-key.read"
    CUSTOMER_KEY_LIST = "customer-key.list"
    CUSTOMER_KEY_EDIT = "customer-key.edit"
    CUSTOMER_KEY_CHECK = "customer-key.check"
    CUSTOMER_KEY_ADVANCE = "customer-key.advance"
    SESSION_OPEN = "session.open"
    TOKEN_CREATE = "token.create"
    TOKEN_LIST = "token.list"
    TOKEN_REVOKE = "token.revoke"
    AUDIT_READ = "audit.read"
    JOB_LIST = "job.list"
    BACKUP_CREATE = "backup.create"
    BACKUP_RESTORE = "backup.restore"
    ROOT_EXPORT = "root.export"
    ROOT_ROTATE = "root.rotate"
    ROOT_PASSPHRASE = "root.passphrase"
    DATA_KEYS_ROTATE = "data-keys.rotate"


_ANY: Final = frozenset(Relation)
_MINE: Final = frozenset({Relation.OWN, Relation.GROUP})
_OWN: Final = frozenset({Relation.OWN})
_GROUP: Final = frozenset({Relation.GROUP})
_NEVER: Final[frozenset[Relation]] = frozenset()

#: operation -> (an Administrator may, standing so to the object; a Key Access User may, standing so)
POLICY: Final[dict[Operation, tuple[frozenset[Relation], frozenset[Relation]]]] = {
    Operation.USER_CREATE: (_ANY, _NEVER),
    Operation.USER_READ: (_ANY, _OWN),
    Operation.USER_LIST: (_ANY, _NEVER),
    Operation.USER_EDIT: (_ANY, _NEVER),
    Operation.USER_PASSWORD: (_ANY, _OWN),
    Operation.USER_DISABLE: (_ANY, _NEVER),
    Operation.USER_ENABLE: (_ANY, _NEVER),
    Operation.USER_DELETE: (_ANY, _NEVER),
    Operation.GROUP_CREATE: (_ANY, _NEVER),
    Operation.GROUP_READ: (_ANY, _MINE),
    Operation.GROUP_LIST: (_ANY, _MINE),
    Operation.GROUP_EDIT: (_ANY, _NEVER),
    Operation.GROUP_DELETE: (_ANY, _NEVER),
    Operation.KEK_REGISTER: (_ANY, _NEVER),
    Operation.KEK_LIST: (_ANY, _OWN),
    Operation.KEK_UNREGISTER: (_ANY, _NEVER),
    Operation.KEY_GENERATE: (_ANY, _MINE),
    Operation.KEY_IMPORT: (_NEVER, _MINE),
    Operation.KEY_READ: (_ANY, _MINE),
    Operation.KEY_LIST: (_ANY, _MINE),
    Operation.KEY_EDIT: (_NEVER, _MINE),
    Operation.KEY_REASSIGN: (_ANY, _MINE),
    Operation.KEY_ACTIVATE: (_NEVER, _MINE),
    Operation.KEY_DEACTIVATE: (_ANY, _MINE),
    Operation.KEY_REVOKE: (_ANY, _MINE),
    Operation.KEY_ROTATE: (_NEVER, _MINE),
    Operation.KEY_PROMOTE: (_NEVER, _MINE),
    Operation.KEY_DESTROY: (_NEVER, _MINE),
    Operation.KEY_CANCEL_DESTRUCTION: (_ANY, _MINE),
    Operation.KEY_EXPORT: (_NEVER, _MINE),
    Operation.KEY_USE: (_NEVER, _MINE),
    Operation.REMINDER_LIST: (_ANY, _MINE),
    Operation.KEY_METRICS: (_ANY, _MINE),
    Operation.METRICS_READ: (_ANY, _NEVER),
    Operation.EXPORT_LIST: (_ANY, _MINE),
    Operation.CONNECTION_CREATE: (_ANY, _NEVER),
    Operation.CONNECTION_READ: (_ANY, _GROUP),
    Operation.CONNECTION_LIST: (_ANY, _MINE),
    Operation.CONNECTION_EDIT: (_ANY, _NEVER),
    Operation.CONNECTION_DELETE: (_ANY, _NEVER),
    Operation.CONNECTION_USE: (_NEVER, _GROUP),
    Operation.DEPLOYMENT_CREATE: (_NEVER, _MINE),
    Operation.DEPLOYMENT_READ: (_ANY, _MINE),
    Operation.DEPLOYMENT_LIST: (_ANY, _MINE),
    Operation.DEPLOYMENT_ADVANCE: (_NEVER, _MINE),
    Operation.DEPLOYMENT_RUN: (_NEVER, _MINE),
    Operation.DEPLOYMENT_OBSERVE: (_NEVER, _MINE),
    Operation.DEPLOYMENT_BACK_UP: (_NEVER, _MINE),
    Operation.CUSTOMER_KEY_DRAFT: (_NEVER, _MINE),
    Operation.CUSTOMER_KEY_READ: (_ANY, _MINE),
    Operation.CUSTOMER_KEY_LIST: (_ANY, _MINE),
    Operation.CUSTOMER_KEY_EDIT: (_NEVER, _MINE),
    Operation.CUSTOMER_KEY_CHECK: (_NEVER, _MINE),
    Operation.CUSTOMER_KEY_ADVANCE: (_NEVER, _MINE),
    Operation.SESSION_OPEN: (_OWN, _OWN),
    Operation.TOKEN_CREATE: (_OWN, _OWN),
    Operation.TOKEN_LIST: (_ANY, _OWN),
    Operation.TOKEN_REVOKE: (_ANY, _OWN),
    Operation.AUDIT_READ: (_ANY, _NEVER),
    Operation.JOB_LIST: (_ANY, _NEVER),
    # what the server does by itself when a date comes: nobody asks for it
    Operation.KEY_REMIND: (_NEVER, _NEVER),
    # for the command line on the server's own machine: nobody signs in for these
    Operation.BACKUP_CREATE: (_NEVER, _NEVER),
    Operation.BACKUP_RESTORE: (_NEVER, _NEVER),
    Operation.ROOT_EXPORT: (_NEVER, _NEVER),
    Operation.ROOT_ROTATE: (_NEVER, _NEVER),
    Operation.ROOT_PASSPHRASE: (_NEVER, _NEVER),
    Operation.DATA_KEYS_ROTATE: (_NEVER, _NEVER),
}


def permits(role: Role, operation: Operation, relation: Relation) -> bool:
    """Whether the table allows it; the gate turns a no into a refusal."""
    administrator, key_access_user = POLICY.get(operation, (_NEVER, _NEVER))
    return relation in (administrator if role is Role.ADMINISTRATOR else key_access_user)
