"""An Azure Key Vault on loopback: sign-in, management plane and data plane, for rehearsals and tests, offline.

It is an independent witness of what Keyferry sends to Azure: of Keyferry it imports the tree of errors and nothing
else, and it unwraps transfer files with another implementation (PyCryptodome) than the one that wrapped them.

    Azure client ──TLS──> listener of a vault (localhost:PORT) ─┐
    a browser    ──TLS──> listener of a vault ──────────────────┤
    Azure client ──CONNECT──> proxy.py ──> main listener ───────┴─> app.py: which plane, who calls
                                                                    ├── sign_in/     tokens, and who presents them
                                                                    ├── management/  subscriptions, vaults, permissions
                                                                    ├── keys/        the vaults' keys
                                                                    ├── onboarding/  Customer Key's other side
                                                                    └── portal/      pages for a person
                                                                    state.py: one SQLite file in home.py's directory
"""
