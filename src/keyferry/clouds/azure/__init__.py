"""Azure Key Vault, Managed HSM, and the parts of Azure around them, through Azure's own SDK.

facts.py        what is told of keys, vaults, grants and subscriptions: plain values
environment.py  Azure's clouds and their addresses, in one table; and custom ones
hosts.py        which hosts a request may go to, and how an address must be written
outgoing.py     how requests leave this machine
transport.py    the last thing before the wire: every address is checked there
session.py      one sign-in at one cloud, and the settings that all clients of the SDK are made with
credentials.py  ways to sign in
vault.py        keys in a vault: create, import, read, use, back up
reading.py      the SDK's keys as facts
management.py   subscriptions, resource groups and vaults
resources.py    the management plane's vaults as facts
grants.py       permissions of access policies and of roles, in the same words
roles.py        role assignments and role definitions
directory.py    applications in the tenant, through Microsoft Graph
request.py      what was asked, in the words that errors need
failures.py     every failure as a KeyferryError with a code and advice
answers.py      a refusal as Azure words it
advice.py       what to do about a refusal
connections.py  what went wrong on the way
sign_in_failures.py  what went wrong with a sign-in

The SDK is an extra (`pip install 'keyferry[azure]'`) and heavy. Every module but transport loads without it: it is
loaded when it is first used.
"""
