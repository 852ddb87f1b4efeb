"""The tree of commands, and how a run ends."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from keyferry import __version__
from keyferry.cli.failures import end, fault
from keyferry.cli.lazy import LazyGroup

_CLI = "keyferry.cli"
PLACES: dict[str, tuple[str, str]] = {
    "init": (f"{_CLI}.local:init", "Make a home: store, root key, TLS certificate, first Administrator."),
    "serve": (f"{_CLI}.local:serve", "Serve REST and the console from a home."),
    "status": (f"{_CLI}.local:status", "Show what a home holds and what is sealed."),
    "upgrade": (f"{_CLI}.local:upgrade", "Bring a home's store to this version's schema."),
    "login": (f"{_CLI}.sessions:login", "Sign in and keep the token in a profile."),
    "logout": (f"{_CLI}.sessions:logout", "End the session and remove the profile."),
    "whoami": (f"{_CLI}.sessions:whoami", "Show who is signed in, where, and until when."),
    "token": (f"{_CLI}.tokens:token", "Tokens for programs."),
    "certificate": (f"{_CLI}.certificates:certificate", "Client certificates, to come in with."),
    "group": (f"{_CLI}.groups:group", "Groups of users that own keys together."),
    "user": (f"{_CLI}.users:user", "Administrators, Key Access Users and Auditors."),
    "factor": (f"{_CLI}.factors:factor", "Second factors beside the password."),
    "sso": (f"{_CLI}.sso:sso", "Single sign-on: identity providers, and whom they vouch for."),
    "server-policy": (
        f"{_CLI}.server_policy:server_policy",
        "Who may come in at all: from which networks, and with what.",
    ),
    "issuer": (f"{_CLI}.issuers:issuer", "Issuers whose tokens programs may present."),
    "workload": (f"{_CLI}.workloads:workload", "Programs that present an issuer's token, and whom they act as."),
    "key": (f"{_CLI}.keys:key", "Keys: make, describe, change state, export."),
    "export": (f"{_CLI}.exports:export", "What has been exported, and what an export would do."),
    "approval": (f"{_CLI}.approvals:approval", "What waits for the approval of others."),
    "kek": (f"{_CLI}.keks:kek", "Key encryption keys that exports accept."),
    "byok": (f"{_CLI}.byok:byok", "Transfer files, without a server."),
    "customer-key": (
        f"{_CLI}.customer_key:customer_key",
        "Microsoft 365 Customer Key: check a pair of vault keys, and ask for its onboarding.",
    ),
    "azure": (f"{_CLI}.azure:azure", "Live vaults: make them, push keys into them, and see what is there."),
    "backup": (f"{_CLI}.backup:backup", "Backups: one encrypted file, made while serving."),
    "admin": (f"{_CLI}.admin:admin", "The way back in when no Administrator can sign in."),
    "root": (f"{_CLI}.root:root", "The root of trust: save it apart, and put another in its place."),
    "audit": (f"{_CLI}.audit:audit", "The audit log: read it, verify it."),
    "emulator": (f"{_CLI}.emulator:emulator", "An Azure Key Vault on loopback, to rehearse with."),
    "demo": (f"{_CLI}.demo:demo", "Walk the whole way, to an activated Customer Key, on loopback, offline."),
}
"""Every command of the first level. Adding a noun means adding a file and a row."""


class CommandLine(LazyGroup):
    """The root. A run ends with 0, 1 or 2, and what went wrong in two lines on standard error."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT002  # click's signature
        **extra: Any,
    ) -> Any:
        """Run, and end the process; with `standalone_mode` off, raise and return as click does."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except (click.ClickException, click.Abort) as error:
            sys.exit(end(error))
        except Exception as error:  # a fault: its text may hold anything, and is not shown unasked
            if sys.flags.dev_mode:
                raise
            sys.exit(fault(error))
        sys.exit(code if isinstance(code, int) else 0)


command_line = CommandLine(
    "keyferry",
    places=PLACES,
    help=(
        "Keyferry generates, guards and governs encryption keys, and ferries them, wrapped, to the clouds that ask for "
        "them.\n\nCommands answer 0 on success, 1 when refused or failed, 2 on wrong usage. KEYFERRY_PROFILE names the "
        "profile to use, KEYFERRY_TOKEN_FILE a file whose token is used in place of the profile's; with "
        "KEYFERRY_SERVER (and KEYFERRY_CA_FILE) no profile is needed."
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(__version__, prog_name="keyferry", message="%(prog)s %(version)s")(command_line)
