"""`keyferry azure`: the same steps against a real vault."""

from keyferry.cli.lazy import LazyGroup

_CLI = "keyferry.cli"

azure = LazyGroup(
    "azure",
    help="Live vaults: make them, push keys into them, and see what is there.",
    places={
        "vault": (f"{_CLI}.azure_vaults:vault", "Vaults: make one, look at one, let somebody in."),
        "kek": (f"{_CLI}.azure_keks:kek", "Key encryption keys in a vault."),
        "push": (f"{_CLI}.azure_push:push", "Bring a key into a vault: wrapped, imported, read back and proved."),
        "abandon": (
            f"{_CLI}.azure_push:abandon",
            "Give up a push that was stopped. What has been done stays done, and on record.",
        ),
        "status": (f"{_CLI}.azure_status:status", "See what is where, and whether it still is what we hold."),
        "backup": (f"{_CLI}.azure_backups:backup", "Take the vault's own backup of a pushed key, and record it."),
        "connection": (f"{_CLI}.azure_connections:connection", "Sign-ins to Azure that the server holds."),
    },
)
