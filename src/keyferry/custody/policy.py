"""Who may do what to what: one table, and no other place. What is not in the table is refused."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Role(StrEnum):
    """What an account is for. A Key Access User alone is a member of groups, owns keys and handles key material.

    An Administrator and an Auditor see everything but secrets; an Auditor changes nothing but how they sign in
    themselves.
    """

    ADMINISTRATOR = "administrator"
    KEY_ACCESS_USER = "key-access-user"
    AUDITOR = "auditor"

    @property
    def sees_everything(self) -> bool:
        """Whether lists, counts and names of others are open to the role; what is done to them, the table says."""
        return self is not Role.KEY_ACCESS_USER

    @property
    def handles_keys(self) -> bool:
        """Whether one in this role may be a member of groups and own keys."""
        return self is Role.KEY_ACCESS_USER

    @property
    def words(self) -> str:
        """The role with its article, as it stands in a sentence."""
        return _ROLE_WORDS[self]


_ROLE_WORDS: Final[Mapping[Role, str]] = {
    Role.ADMINISTRATOR: "an Administrator",
    Role.KEY_ACCESS_USER: "a Key Access User",
    Role.AUDITOR: "an Auditor",
}


class Relation(StrEnum):
    """How a caller stands to the object of an operation."""

    OWN = "own"  # the caller's own account, token, certificate or key
    GROUP = (
        "group"  # a group of the caller's, a key of one, a connection granted to one, an approval that they can give
    )
    NONE = "none"  # anything else
    BEYOND = "beyond"  # whatever it is: beyond the token that the caller has presented, which is narrowed to others


class Operation(StrEnum):
    """Everything that can be asked for. The values are the words of the audit log."""

    SERVER_POLICY_READ = "server-policy.read"
    SERVER_POLICY_EDIT = "server-policy.edit"
    USER_CREATE = "user.create"
    USER_READ = "user.read"
    USER_LIST = "user.list"
    USER_EDIT = "user.edit"
    USER_PASSWORD = "user.password"
    USER_INVITE = "user.invite"
    USER_UNLOCK = "user.unlock"
    USER_RECOVER = "user.recover"
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
    PROVIDER_CREATE = "identity-provider.create"
    PROVIDER_READ = "identity-provider.read"
    PROVIDER_LIST = "identity-provider.list"
    PROVIDER_EDIT = "identity-provider.edit"
    PROVIDER_REFRESH = "identity-provider.refresh"
    PROVIDER_KEY = "identity-provider.key"
    PROVIDER_TEST = "identity-provider.test"
    PROVIDER_ENABLE = "identity-provider.enable"
    PROVIDER_DISABLE = "identity-provider.disable"
    PROVIDER_DELETE = "identity-provider.delete"
    IDENTITY_BIND = "identity.bind"
    IDENTITY_LIST = "identity.list"
    IDENTITY_UNBIND = "identity.unbind"
    SESSION_BEGIN = "session.begin"
    SESSION_OPEN = "session.open"
    TOKEN_CREATE = "token.create"
    TOKEN_LIST = "token.list"
    TOKEN_REVOKE = "token.revoke"
    APPROVAL_REQUEST = "approval.request"
    APPROVAL_LIST = "approval.list"
    APPROVAL_READ = "approval.read"
    APPROVAL_APPROVE = "approval.approve"
    APPROVAL_REJECT = "approval.reject"
    APPROVAL_WITHDRAW = "approval.withdraw"
    APPROVAL_EXPIRE = "approval.expire"
    APPROVAL_LIFT = "approval.lift"
    CERTIFICATE_ISSUE = "certificate.issue"
    CERTIFICATE_UPLOAD = "certificate.upload"
    CERTIFICATE_LIST = "certificate.list"
    CERTIFICATE_REVOKE = "certificate.revoke"
    AUTHORITY_LIST = "certificate-authority.list"
    AUTHORITY_ROTATE = "certificate-authority.rotate"
    AUTHORITY_RETIRE = "certificate-authority.retire"
    ISSUER_CREATE = "trusted-issuer.create"
    ISSUER_READ = "trusted-issuer.read"
    ISSUER_LIST = "trusted-issuer.list"
    ISSUER_EDIT = "trusted-issuer.edit"
    ISSUER_DELETE = "trusted-issuer.delete"
    WORKLOAD_CREATE = "workload.create"
    WORKLOAD_READ = "workload.read"
    WORKLOAD_LIST = "workload.list"
    WORKLOAD_REVOKE = "workload.revoke"
    FACTOR_LIST = "factor.list"
    FACTOR_ADD = "factor.add"
    FACTOR_REMOVE = "factor.remove"
    FACTOR_RESET = "factor.reset"
    AUDIT_READ = "audit.read"
    JOB_LIST = "job.list"
    BACKUP_CREATE = "backup.create"
    BACKUP_RESTORE = "backup.restore"
    ROOT_EXPORT = "root.export"
    ROOT_ROTATE = "root.rotate"
    ROOT_PASSPHRASE = "root.passphrase"
    DATA_KEYS_ROTATE = "data-keys.rotate"


_ANY: Final = frozenset(Relation) - {Relation.BEYOND}
_MINE: Final = frozenset({Relation.OWN, Relation.GROUP})
_OWN: Final = frozenset({Relation.OWN})
_GROUP: Final = frozenset({Relation.GROUP})
_OTHERS: Final = frozenset({Relation.NONE})
_NEVER: Final[frozenset[Relation]] = frozenset()


class Reach(NamedTuple):
    """Who may do an operation: for each role, how they must stand to its object."""

    administrator: frozenset[Relation]
    key_access_user: frozenset[Relation]
    auditor: frozenset[Relation]

    def of(self, role: Role) -> frozenset[Relation]:
        """The cell of a role."""
        match role:
            case Role.ADMINISTRATOR:
                return self.administrator
            case Role.KEY_ACCESS_USER:
                return self.key_access_user
            case Role.AUDITOR:
                return self.auditor


#: what is not in it, nobody may
POLICY: Final[Mapping[Operation, Reach]] = {
    Operation.SERVER_POLICY_READ: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_ANY),
    Operation.SERVER_POLICY_EDIT: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.USER_CREATE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.USER_READ: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_ANY),
    Operation.USER_LIST: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_ANY),
    Operation.USER_EDIT: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.USER_PASSWORD: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_OWN),
    Operation.USER_INVITE: Reach(administrator=_OTHERS, key_access_user=_NEVER, auditor=_NEVER),
    Operation.USER_UNLOCK: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.USER_DISABLE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.USER_ENABLE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.USER_DELETE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.GROUP_CREATE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.GROUP_READ: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.GROUP_LIST: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.GROUP_EDIT: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.GROUP_DELETE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.KEK_REGISTER: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.KEK_LIST: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_ANY),
    Operation.KEK_UNREGISTER: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.KEY_GENERATE: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_IMPORT: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_READ: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.KEY_LIST: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.KEY_EDIT: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_REASSIGN: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_ACTIVATE: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_DEACTIVATE: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_REVOKE: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_ROTATE: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_PROMOTE: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_DESTROY: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_CANCEL_DESTRUCTION: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_EXPORT: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.KEY_USE: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.REMINDER_LIST: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.KEY_METRICS: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.METRICS_READ: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_ANY),
    Operation.EXPORT_LIST: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.CONNECTION_CREATE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.CONNECTION_READ: Reach(administrator=_ANY, key_access_user=_GROUP, auditor=_ANY),
    Operation.CONNECTION_LIST: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.CONNECTION_EDIT: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.CONNECTION_DELETE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.CONNECTION_USE: Reach(administrator=_NEVER, key_access_user=_GROUP, auditor=_NEVER),
    Operation.DEPLOYMENT_CREATE: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.DEPLOYMENT_READ: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.DEPLOYMENT_LIST: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.DEPLOYMENT_ADVANCE: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.DEPLOYMENT_RUN: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.DEPLOYMENT_OBSERVE: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.DEPLOYMENT_BACK_UP: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.CUSTOMER_KEY_DRAFT: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.CUSTOMER_KEY_READ: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.CUSTOMER_KEY_LIST: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.CUSTOMER_KEY_EDIT: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.CUSTOMER_KEY_CHECK: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.CUSTOMER_KEY_ADVANCE: Reach(administrator=_NEVER, key_access_user=_MINE, auditor=_NEVER),
    Operation.PROVIDER_CREATE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.PROVIDER_READ: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_ANY),
    Operation.PROVIDER_LIST: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_ANY),
    Operation.PROVIDER_EDIT: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.PROVIDER_REFRESH: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.PROVIDER_KEY: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.PROVIDER_TEST: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.PROVIDER_ENABLE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.PROVIDER_DISABLE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.PROVIDER_DELETE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.IDENTITY_BIND: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.IDENTITY_LIST: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_ANY),
    Operation.IDENTITY_UNBIND: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.SESSION_OPEN: Reach(administrator=_OWN, key_access_user=_OWN, auditor=_OWN),
    Operation.TOKEN_CREATE: Reach(administrator=_OWN, key_access_user=_OWN, auditor=_OWN),
    Operation.TOKEN_LIST: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_ANY),
    Operation.TOKEN_REVOKE: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_OWN),
    Operation.CERTIFICATE_ISSUE: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_OWN),
    Operation.CERTIFICATE_UPLOAD: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_OWN),
    Operation.CERTIFICATE_LIST: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_ANY),
    Operation.CERTIFICATE_REVOKE: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_OWN),
    Operation.AUTHORITY_LIST: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_ANY),
    Operation.AUTHORITY_ROTATE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.AUTHORITY_RETIRE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    # own: asked for by the caller; a group's: the caller is one of those who are asked
    Operation.APPROVAL_REQUEST: Reach(administrator=_OWN, key_access_user=_OWN, auditor=_NEVER),
    Operation.APPROVAL_LIST: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.APPROVAL_READ: Reach(administrator=_ANY, key_access_user=_MINE, auditor=_ANY),
    Operation.APPROVAL_APPROVE: Reach(administrator=_GROUP, key_access_user=_GROUP, auditor=_NEVER),
    Operation.APPROVAL_REJECT: Reach(administrator=_GROUP, key_access_user=_GROUP, auditor=_NEVER),
    Operation.APPROVAL_WITHDRAW: Reach(administrator=_OWN, key_access_user=_OWN, auditor=_NEVER),
    Operation.ISSUER_CREATE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.ISSUER_READ: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_ANY),
    Operation.ISSUER_LIST: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_ANY),
    Operation.ISSUER_EDIT: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.ISSUER_DELETE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.WORKLOAD_CREATE: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_NEVER),
    Operation.WORKLOAD_READ: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_ANY),
    Operation.WORKLOAD_LIST: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_ANY),
    Operation.WORKLOAD_REVOKE: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_OWN),
    Operation.FACTOR_LIST: Reach(administrator=_ANY, key_access_user=_OWN, auditor=_ANY),
    Operation.FACTOR_ADD: Reach(administrator=_OWN, key_access_user=_OWN, auditor=_OWN),
    Operation.FACTOR_REMOVE: Reach(administrator=_OWN, key_access_user=_OWN, auditor=_OWN),
    Operation.FACTOR_RESET: Reach(administrator=_OTHERS, key_access_user=_NEVER, auditor=_NEVER),
    Operation.AUDIT_READ: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_ANY),
    Operation.JOB_LIST: Reach(administrator=_ANY, key_access_user=_NEVER, auditor=_ANY),
    # a sign-in's first step, as the audit log calls one that has others to follow
    Operation.SESSION_BEGIN: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
    # what the server does by itself when a date comes: nobody asks for it
    Operation.APPROVAL_EXPIRE: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
    Operation.KEY_REMIND: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
    # for the command line on the server's own machine: nobody signs in for these
    Operation.APPROVAL_LIFT: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
    Operation.USER_RECOVER: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
    Operation.BACKUP_CREATE: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
    Operation.BACKUP_RESTORE: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
    Operation.ROOT_EXPORT: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
    Operation.ROOT_ROTATE: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
    Operation.ROOT_PASSPHRASE: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
    Operation.DATA_KEYS_ROTATE: Reach(administrator=_NEVER, key_access_user=_NEVER, auditor=_NEVER),
}


class Covered(StrEnum):
    """What a group's or a key's policy can ask the approval of others for."""

    EXPORT = "export"
    DESTROY = "destroy"
    COMPROMISE = "compromise"
    OWNER_CHANGE = "owner-change"
    POLICY_CHANGE = "policy-change"
    MEMBERSHIP = "membership"
    PASSWORD_RESET = "password-reset"  # a word of the table
    CREDENTIAL = "credential"
    ACCOUNT_NETWORKS = "account-networks"
    KEK_REGISTRATION = "kek-registration"
    SERVER_POLICY = "server-policy"


#: operation -> what policies call it (an account's edit can be ACCOUNT_NETWORKS as well). Each of these must say what
#: exactly it is about to do, or that nothing of it is covered, before it changes anything: the gate undoes one that has
#: not. What only takes access away is not here.
UNDER_APPROVAL: Final[dict[Operation, Covered]] = {
    Operation.KEY_EXPORT: Covered.EXPORT,
    Operation.KEY_DESTROY: Covered.DESTROY,
    Operation.KEY_REVOKE: Covered.COMPROMISE,
    Operation.KEY_REASSIGN: Covered.OWNER_CHANGE,
    Operation.KEY_EDIT: Covered.POLICY_CHANGE,
    Operation.GROUP_EDIT: Covered.POLICY_CHANGE,
    Operation.GROUP_DELETE: Covered.POLICY_CHANGE,
    Operation.USER_CREATE: Covered.MEMBERSHIP,
    Operation.USER_EDIT: Covered.MEMBERSHIP,
    Operation.USER_ENABLE: Covered.MEMBERSHIP,
    Operation.USER_PASSWORD: Covered.PASSWORD_RESET,
    Operation.USER_INVITE: Covered.PASSWORD_RESET,
    Operation.CERTIFICATE_ISSUE: Covered.CREDENTIAL,
    Operation.CERTIFICATE_UPLOAD: Covered.CREDENTIAL,
    Operation.FACTOR_RESET: Covered.CREDENTIAL,
    Operation.IDENTITY_BIND: Covered.CREDENTIAL,
    Operation.PROVIDER_EDIT: Covered.CREDENTIAL,
    Operation.PROVIDER_ENABLE: Covered.CREDENTIAL,
    Operation.ISSUER_EDIT: Covered.CREDENTIAL,
    Operation.WORKLOAD_CREATE: Covered.CREDENTIAL,
    Operation.KEK_REGISTER: Covered.KEK_REGISTRATION,
    Operation.SERVER_POLICY_EDIT: Covered.SERVER_POLICY,
}


def permits(role: Role, operation: Operation, relation: Relation) -> bool:
    """Whether the table allows it; the gate turns a no into a refusal."""
    reach = POLICY.get(operation)
    return reach is not None and relation in reach.of(role)
