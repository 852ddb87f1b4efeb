"""Azure Key Vault, Managed HSM, and the parts of Azure around them, through Azure's own SDK.

facts.py        what is told of keys, vaults, grants and subscriptions: plain values
environment.py  Azure's clouds and their addresses, in one table; and custom ones
hosts.py        which hosts a request may go to, and how an address must be written
transport.py    the last thing before the wire: every address is checked there, proxies and authorities are settled there
session.py      one sign-in at one cloud, and the settings that all clients of the SDK are made with
credentials.py  ways to sign in
vault.py        keys in a vault: create, import, read, use, back up
reading.py      the SDK's keys as facts
management.py   subscriptions, resource groups and vaults
grants.py       who may do what with a vault's keys: access policies, role assignments, role definitions
directory.py    applications in the tenant, through Microsoft Graph
failures.py     every failure as a KeyferryError with a code and advice; advice.py has the words for permissions,
                sign_in_failures.py those for sign-ins

The SDK is an extra (`pip install 'keyferry[azure]'`) and heavy: facts, environment and hosts load without it, and nothing
here is loaded before it is used.
"""
