"""The refusals of the data plane: statuses, codes and, where the service's wording is known, its wording.

Where no recording of the service shows a text, the text is this emulator's own and says which check failed.
"""

from keyferry.emulator.failures import AzureFailure

_HELP = "For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"


def bad_parameter(message: str) -> AzureFailure:
    """400: something in the request will not do."""
    return AzureFailure(400, "BadParameter", message)


def key_not_found(name: str, version: str | None = None) -> AzureFailure:
    """404: no such key, or no such version of it."""
    asked = name if version is None else f"{name}/{version}"
    return AzureFailure(
        404,
        "KeyNotFound",
        f"A key with (name/id) {asked} was not found in this key vault. If you recently deleted this key you may be "
        f"able to recover it using the correct recovery command. {_HELP}",
    )


def deleted_key_not_found(name: str) -> AzureFailure:
    """404: no key of that name is deleted and recoverable."""
    return AzureFailure(404, "KeyNotFound", f"Deleted Key not found: {name}")


def name_is_deleted(name: str) -> AzureFailure:
    """409: the name belongs to a deleted key that can still be recovered."""
    return AzureFailure(
        409,
        "Conflict",
        f"Key {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, "
        "the key can only be recovered or purged.",
        inner="ObjectIsDeletedButRecoverable",
    )


def name_is_taken(name: str) -> AzureFailure:
    """409: a key is to be restored under a name that a live key has."""
    return AzureFailure(
        409, "Conflict", f"A key named {name} already exists in this key vault; a backup is restored under a free name."
    )


def purge_protected(vault: str, location: str) -> AzureFailure:
    """403: nobody may purge; the end of the retention period does."""
    return AzureFailure(
        403,
        "Forbidden",
        'Operation "purge" is not allowed because purge protection is enabled for this vault. Key Vault service will '
        f"automatically purge it after the retention period has passed.\r\nVault: {vault};location={location}",
        inner="ForbiddenByPolicy",
    )


def operation_not_permitted(operation: str) -> AzureFailure:
    """403: `key_ops` lacks the operation."""
    return AzureFailure(
        403, "Forbidden", f"Operation {operation} is not permitted on this key.", inner="KeyOperationForbidden"
    )


def key_disabled(operation: str) -> AzureFailure:
    """403: the version is not enabled."""
    return AzureFailure(
        403, "Forbidden", f"Operation {operation} is not allowed on a disabled key.", inner="KeyDisabled"
    )


def outside_validity(operation: str, what: str) -> AzureFailure:
    """403: before nbf or after exp; `what` says which."""
    return AzureFailure(
        403,
        "Forbidden",
        f"Operation {operation} is not allowed on a key that {what}.",
        inner="KeyNotYetValidOrExpired",
    )
