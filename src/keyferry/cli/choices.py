"""The closed sets that options offer, written out so that help needs no cryptography. A test compares each with its
source.
"""

KEY_TYPES = (
    "rsa-2048",
    "rsa-3072",
    "rsa-4096",
    "ec-p256",
    "ec-p384",
    "ec-p521",
    "ec-p256k",
    "aes-128",
    "aes-192",
    "aes-256",
)
"""`keyferry.material.algorithms.ALGORITHMS`."""

STATES = ("pre-active", "active", "deactivated", "compromised", "destroyed", "destroyed-compromised")
"""`keyferry.custody.lifecycle.State`."""

KEY_SORTS = ("created", "-created", "name", "-name", "deactivation_date", "-deactivation_date")
"""`keyferry.custody.key_orders.Sort`."""

USAGES = ("encrypt", "decrypt", "sign", "verify", "wrap", "unwrap")
"""`keyferry.material.algorithms.Usage`."""

ENCRYPTING = ("A128GCM", "A192GCM", "A256GCM", "RSA-OAEP-256", "RSA-OAEP")
"""Of `keyferry.material.using.methods.METHODS`, those that encrypt."""

WRAPPING = ("A128KWP", "A192KWP", "A256KWP", "A128KW", "A192KW", "A256KW", "RSA-OAEP-256", "RSA-OAEP")
"""Those that wrap."""

SIGNING = ("PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "ES256K")
"""Those that sign."""

SIGNATURE_FORMATS = ("raw", "der")
"""`keyferry.material.using.signing.SignatureFormat`."""

OUTCOMES = ("done", "refused", "failed")
"""`keyferry.custody.audit_search.OUTCOMES`."""

REASONS = (
    "unspecified",
    "key-compromise",
    "ca-compromise",
    "affiliation-changed",
    "superseded",
    "cessation-of-operation",
    "privilege-withdrawn",
)
"""`keyferry.custody.lifecycle.RevocationReason`."""

ROLES = ("administrator", "key-access-user", "auditor")
"""`keyferry.custody.policy.Role`."""

KEK_POLICIES = ("any", "registered", "inherit")
"""`keyferry.custody.groups.KEK_POLICIES`, and `inherit` for the server's own."""

COVERED = (
    "export",
    "destroy",
    "compromise",
    "owner-change",
    "policy-change",
    "membership",
    "password-reset",
    "credential",
    "account-networks",
    "kek-registration",
    "server-policy",
)
"""`keyferry.custody.policy.Covered`."""

APPROVAL_LISTS = ("waiting", "mine", "all")
"""`keyferry.custody.approvals.Which`."""

DESTINATIONS = ("azure",)
"""`keyferry.byok.destinations.DESTINATIONS`."""

AZURE_CLOUDS = ("public", "us-government", "china")
"""`keyferry.clouds.azure.environment.CLOUDS`."""

AZURE_OPERATIONS = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")
"""What a key may be allowed in a vault: `keyferry.custody.deployment_steps.OPERATIONS`, of RSA keys."""

CUSTOMER_KEY_WORKLOADS = ("exchange", "multi-workload", "sharepoint")
"""`keyferry.customer_key.workloads`."""

KEK_NAME = "keyferry-kek"
"""`keyferry.deployments.kek.DEFAULT_NAME`."""

KEK_BITS = ("2048", "3072", "4096")
"""`keyferry.byok.kek.SIZES`."""
