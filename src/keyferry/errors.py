"""One tree of exceptions. Each error says what was wrong, with which field, and what to do.

    KeyferryError
    ├── NotAuthenticated      who is calling could not be established            401
    ├── NotPermitted          the caller may not do this                         403
    ├── NotFound              there is no such object, or none that you may see  404
    ├── InvalidInput          something given will not do                        422
    │   ├── MaterialRefused     key material that Keyferry does not take
    │   ├── KekRefused          a key encryption key that will not do
    │   └── IdentifierRefused   a destination's key identifier that will not do
    ├── Conflict              the request is sound, the object's state is not    409
    │   └── ApprovalRequired    others have to approve it first
    ├── PreconditionFailed    the object changed since it was read               412
    ├── Overloaded            too many requests (429), or too much at once       503
    ├── CloudFailed           a cloud refused, or could not be reached or trusted 502
    │   └── AnswerLost          whether the cloud did it cannot be told: look before trying again
    ├── ProviderFailed        an identity provider could not be reached or trusted, or answered nonsense 502
    ├── IntegrityViolation    a row was changed behind Keyferry's back           500
    ├── CannotStart           settings, files or the root of trust are not fit   exit code 1
    ├── ClientFailed          the command line could not reach or trust a server exit code 1
    └── InternalError         a fault of Keyferry's own; carries a reference     500

A branch says what the person must do; the stable `code` says what happened. Every code stands in `TITLES`: an error
with another code cannot be made. Doors map branches to status codes once, in a table of their own.
"""

from typing import ClassVar

TITLES: dict[str, str] = {
    # who is calling
    "not-authenticated": "Sign-in needed",
    "sign-in-refused": "Sign-in refused",
    "second-factor-required": "Second factor needed",
    "second-factor-refused": "Second factor refused",
    "ticket-refused": "Sign-in has to begin again",
    # what they may do
    "not-permitted": "Not permitted",
    "cross-site-refused": "Request might be another site's",
    "set-up-refused": "Set-up refused",
    "not-found": "Not found",
    # what was given
    "invalid-input": "Input refused",
    "malformed-request": "Request unreadable",
    "method-not-allowed": "Method not allowed",
    "request-too-large": "Request too large",
    "unsupported-media-type": "Media type not taken",
    "name-refused": "Name refused",
    "password-refused": "Password refused",
    "network-refused": "Network refused",
    "unknown-setting": "Unknown setting",
    "setting-refused": "Setting refused",
    "material-refused": "Key material refused",
    "material-too-long": "Key material too long",
    "material-encrypted": "Key material is encrypted",
    "passphrase-refused": "Passphrase refused",
    "algorithm-mismatch": "Key type does not match the material",
    # key encryption keys
    "kek-unreadable": "Public key unreadable",
    "kek-too-large": "Public key file too large",
    "kek-is-private": "Private key given instead of a public key",
    "kek-several-blocks": "Several keys in one file",
    "kek-not-rsa": "Key encryption key is not RSA",
    "kek-rsa-pss": "Key encryption key is for RSA-PSS only",
    "kek-size": "Key encryption key size not taken",
    "kek-exponent": "Key encryption key's public exponent not taken",
    "kek-mismatch": "Another public key is recorded under this identifier",
    "kek-not-registered": "Key encryption key is not registered",
    "kek-identifier-differs": "Public key came with another key identifier",
    # key identifiers
    "identifier-unreadable": "Key identifier unreadable",
    "identifier-too-long": "Key identifier too long",
    "identifier-characters": "Key identifier holds characters that do not belong",
    "identifier-not-https": "Key identifier is not https",
    "identifier-user-info": "Key identifier holds user information",
    "identifier-port": "Key identifier's port refused",
    "identifier-query": "Key identifier holds a query",
    "identifier-fragment": "Key identifier holds a fragment",
    "identifier-percent-encoding": "Key identifier is percent-encoded",
    "identifier-path": "Key identifier's path refused",
    "identifier-host": "Key identifier's host refused",
    "identifier-name": "Key identifier's key name refused",
    "identifier-no-version": "Key identifier has no version",
    "identifier-version": "Key identifier's version refused",
    # transfer files
    "destination-unknown": "Destination unknown",
    "target-not-taken": "Destination does not take this key type",
    "target-needs-managed-hsm": "Symmetric keys need a Managed HSM",
    "transfer-file-refused": "Transfer file refused",
    "transfer-file-self-check": "Transfer file failed its own check",
    "unwrap-failed": "Unwrapping failed",
    "public-key-differs": "Public keys differ",
    # using keys
    "usage-refused": "Key is not for this use",
    "algorithm-refused": "Algorithm not for this key",
    "input-size": "Input of a size that is not taken",
    "envelope-refused": "Ciphertext's envelope refused",
    "decryption-failed": "Decryption failed",
    # client certificates
    "certificate-refused": "Certificate refused",
    "authority-issues": "Authority is the one that issues",
    "authority-retired": "Authority is retired",
    "certificate-bound": "Certificate is bound already",
    # states
    "conflict": "Conflict",
    "name-taken": "Name taken",
    "key-not-active": "Key is not active",
    "key-not-exportable": "Key is not exportable",
    "approval-required": "Approval by others needed",
    "approval-unreachable": "Too few can approve",
    "approval-ended": "Request has ended",
    "approval-given": "Decided already",
    "still-approves": "Is named in approval policies",
    "key-already-wrapped": "Key is already wrapped",
    "state-transition-refused": "State change refused",
    "not-checked": "Nothing shows that it validates",
    "destruction-pending": "Destruction is pending",
    "last-administrator": "Last enabled Administrator",
    "still-owns-keys": "Still owns keys",
    "second-factor-needed": "Second factor cannot be given up",
    "role-rule": "Role rule",
    "locks-out": "Would lock its author out",
    "revision-conflict": "Changed since it was read",
    "idempotency-key-reused": "Idempotency key reused",
    "already-initialised": "Already initialised",
    # connections, deployments
    "connection-disabled": "Connection is disabled",
    "vault-refused": "Vault's address refused",
    "vault-not-allowed": "Vault is not the connection's",
    "credential-refused": "Credential refused",
    "deployment-exists": "Such a deployment is under way",
    "deployment-busy": "Deployment is being pushed",
    "deployment-lease-lost": "Lease of the deployment has ended",
    "deployment-step-refused": "Step out of order",
    "deployment-outdated": "Deployment is of a version that is current no longer",
    "deployment-abandoned": "Deployment was abandoned",
    "deployment-pushed-otherwise": "Deployment is pushed in another way",
    "deployment-not-imported": "Key was not imported yet",
    "azure-not-configured": "Server makes no pushes",
    # Customer Key
    "contacts-refused": "Contact information refused",
    "stand-in-refused": "Stand-in for onboarding refused",
    "kek-unfit": "Key will not do as a key encryption key",
    "vault-key-differs": "Vault's key is not what was sent",
    "proof-failed": "Vault has another private key",
    # limits
    "too-many-requests": "Too many requests",
    "overloaded": "Too busy",
    # Azure
    "azure-sdk-missing": "Azure's SDK is not installed",
    "azure-host-refused": "Azure host not allowed",
    "azure-sign-in-failed": "Azure sign-in failed",
    "azure-forbidden": "Azure does not permit it",
    "azure-not-found": "Not found in Azure",
    "azure-name-deleted": "Name belongs to something deleted in Azure",
    "azure-name-taken": "Name taken in Azure",
    "azure-key-disabled": "Key is disabled in Azure",
    "kek-disabled": "Key encryption key is disabled",
    "azure-throttled": "Azure asks to wait",
    "azure-unavailable": "Azure not available",
    "azure-untrusted": "Azure's certificate not trusted",
    "azure-answer-lost": "Azure's answer was lost",
    "azure-answer-refused": "Azure's answer not understood",
    "azure-refused": "Azure refused",
    # identity providers
    "provider-failed": "Identity provider failed",
    "provider-host-refused": "Identity provider's host not allowed",
    "provider-unreachable": "Identity provider unreachable",
    "provider-untrusted": "Identity provider's certificate not trusted",
    "provider-answer-refused": "Identity provider's answer refused",
    "provider-not-tested": "Sign-in was not tested",
    "provider-enabled": "Identity provider is enabled",
    "key-roll-over": "Step of a key's roll-over refused",
    "provider-incomplete": "Identity provider is not set up yet",
    "identity-taken": "Identity is bound already",
    # the store
    "row-tampered": "Row changed behind Keyferry's back",
    "audit-broken": "Audit log broken",
    # starting
    "cannot-start": "Cannot start",
    "root-unavailable": "Root of trust unavailable",
    "not-initialised": "Not initialised",
    "backup-refused": "Backup refused",
    "schema-version": "Store has another schema version",
    # the command line
    "wrong-usage": "Wrong usage",
    "interrupted": "Interrupted",
    "file-refused": "File refused",
    "file-exists": "File exists",
    "folder-refused": "Result folder refused",
    "profile-refused": "Profile refused",
    "not-signed-in": "Not signed in",
    "client-failed": "Request failed",
    "server-refused": "Server address refused",
    "server-unreachable": "Server unreachable",
    "server-untrusted": "Server not trusted",
    "answer-refused": "Server's answer refused",
    "batch-incomplete": "Not everything was done",
    # faults
    "internal-error": "Internal error",
}


class KeyferryError(Exception):
    """An error with a stable code, a title, and advice for the person who sees it.

    Args:
        detail: what was wrong, in a sentence. Never holds a secret.
        code: one of `TITLES`; the class's own when omitted.
        field: the input field at fault, as the door names it.
        advice: what to do, in a sentence.
    """

    default_code: ClassVar[str] = "internal-error"
    default_advice: ClassVar[str] = ""

    def __init__(
        self, detail: str, *, code: str | None = None, field: str | None = None, advice: str | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code or self.default_code
        self.title = TITLES[self.code]
        self.detail = detail
        self.field = field
        self.advice = self.default_advice if advice is None else advice

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code}: {self.detail})"


class NotAuthenticated(KeyferryError):
    default_code = "not-authenticated"
    default_advice = "Sign in, or present a token that is valid and not revoked."


class NotPermitted(KeyferryError):
    default_code = "not-permitted"
    default_advice = "Ask an Administrator, or a member of the group that owns the key."


class NotFound(KeyferryError):
    default_code = "not-found"
    default_advice = "Check the id or name; you see only what is yours or your groups'."


class InvalidInput(KeyferryError):
    default_code = "invalid-input"


class MaterialRefused(InvalidInput):
    default_code = "material-refused"


class KekRefused(InvalidInput):
    default_code = "kek-unreadable"


class IdentifierRefused(InvalidInput):
    default_code = "identifier-unreadable"


class Conflict(KeyferryError):
    default_code = "conflict"


class ApprovalRequired(Conflict):
    """Nothing was done. `approval_request` is the id of the request that others can approve, once it is filed."""

    default_code = "approval-required"
    approval_request: str | None = None


class PreconditionFailed(KeyferryError):
    default_code = "revision-conflict"
    default_advice = "Read it again, look at what changed, and repeat the request if it still holds."


class Overloaded(KeyferryError):
    """Too many requests. `retry_after` is in seconds."""

    default_code = "too-many-requests"
    default_advice = "Wait, then try again."

    def __init__(
        self,
        detail: str,
        *,
        retry_after: int = 1,
        code: str | None = None,
        field: str | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(detail, code=code, field=field, advice=advice)
        self.retry_after = retry_after


class CloudFailed(KeyferryError):
    default_code = "azure-refused"
    default_advice = "Read what the cloud said, change what was given, and try again."


class AnswerLost(CloudFailed):
    """A request that changes something was sent, and its answer did not arrive."""

    default_code = "azure-answer-lost"
    default_advice = "Look whether it was done before trying again."


class ProviderFailed(KeyferryError):
    default_code = "provider-failed"
    default_advice = "Check what the provider is set up as, and try again."


class IntegrityViolation(KeyferryError):
    default_code = "row-tampered"
    default_advice = (
        "Treat the database as tampered with: stop, keep a copy for examination, run `keyferry audit verify`, "
        "and restore a backup."
    )


class CannotStart(KeyferryError):
    default_code = "cannot-start"


class ClientFailed(KeyferryError):
    default_code = "client-failed"


class InternalError(KeyferryError):
    default_code = "internal-error"
    default_advice = "Look up the reference in the server's log, and report it with what you did."
