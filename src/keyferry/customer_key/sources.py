"""Where the rules come from. Each line of a check names one of these."""

from typing import Final

SET_UP: Final = "https://learn.microsoft.com/purview/customer-key-set-up"
"""Microsoft's page on setting up Customer Key."""

MANAGED_HSM: Final = "https://learn.microsoft.com/purview/customer-key-managedhsm"
"""The same with Managed HSMs."""

MANAGE: Final = "https://learn.microsoft.com/purview/customer-key-manage"
"""Microsoft's page on living with a Customer Key: rotation, revocation, restoring."""

LEGACY: Final = (
    "https://github.com/MicrosoftDocs/microsoft-365-docs, microsoft-365/compliance/customer-key-set-up.md, 2019-2022"
)
"""The page as it was when FastTrack collected the requests."""

KEY_ATTRIBUTES: Final = "https://learn.microsoft.com/azure/key-vault/keys/about-keys-details"
"""What enabled, nbf and exp do."""

SOFT_DELETE: Final = "https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview"
"""What a vault keeps of what is deleted, and for how long."""

NETWORK: Final = "https://learn.microsoft.com/azure/key-vault/general/network-security"
"""A vault's firewall."""

RUNBOOKS: Final = "public runbooks of 2025 and 2026, not confirmed by Microsoft's documentation"
"""What people who have been through it write, where Microsoft's documentation is silent."""

PRACTICE: Final = "Keyferry's own advice: docs/azure-byok.md"
"""A recommendation of ours."""
