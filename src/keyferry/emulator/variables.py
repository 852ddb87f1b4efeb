"""How Azure's own clients are led to the emulator: environment variables, and the commands that go with them.

There are three ways, and none needs a change to a client:

- cloud: a cloud of the emulator's own is registered with az, at localhost;
- id: az's key commands take `--id https://localhost:PORT/keys/NAME`, and the SDK a vault URL;
- proxy: HTTPS_PROXY leads Azure's own names to the emulator, and clients keep their defaults.
"""

import shlex
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from keyferry.emulator.endpoints import CLOUD_NAME
from keyferry.emulator.facts import Facts
from keyferry.emulator.home import read_private

NOT_PROXIED: Final = "localhost,127.0.0.1,::1"


class Way(StrEnum):
    """A way from an unmodified client to the emulator."""

    CLOUD = "cloud"
    ID = "id"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable: its value, or the file that holds it."""

    name: str
    value: str | Path

    def shell_line(self) -> str:
        """`export NAME=VALUE`, for a POSIX shell; a secret is read from its file when the line runs."""
        if isinstance(self.value, Path):
            return f'export {self.name}="$(cat {shlex.quote(str(self.value))})"'
        return f"export {self.name}={shlex.quote(self.value)}"


def variables(facts: Facts, way: Way) -> tuple[Variable, ...]:
    """What to set for a way in. az gets a configuration folder of its own, so that a person's own stays as it is."""
    found = [
        Variable("AZURE_CONFIG_DIR", str(facts.home / f"az-{way}")),
        Variable("AZURE_CORE_COLLECT_TELEMETRY", "false"),
        Variable("REQUESTS_CA_BUNDLE", str(facts.ca_file)),
        Variable("AZURE_TENANT_ID", facts.tenant_id),
        Variable("AZURE_CLIENT_ID", facts.client_id),
        Variable("AZURE_CLIENT_SECRET", facts.client_secret_file),
    ]
    if way is Way.PROXY:
        # Both spellings, as some clients heed one and some the other. What is at localhost is reached directly.
        found += [Variable(name, facts.proxy_url) for name in ("HTTPS_PROXY", "https_proxy")]
        found += [Variable(name, NOT_PROXIED) for name in ("NO_PROXY", "no_proxy")]
    else:
        found += [
            Variable("AZURE_AUTHORITY_HOST", facts.url),
            Variable("AZURE_CORE_INSTANCE_DISCOVERY", "false"),
        ]
    return tuple(found)


def environment(facts: Facts, way: Way) -> dict[str, str]:
    """The variables with their values, the secret among them: for a process that is started with them.

    Raises:
        CannotStart: the secret's file cannot be read.
    """
    return {each.name: _value(each) for each in variables(facts, way)}


def commands(facts: Facts, way: Way) -> tuple[str, ...]:
    """What to type next, in a shell that has the variables."""
    secret = shlex.quote(f"@{facts.client_secret_file}")  # az reads the file itself: no secret in an argument
    login = f"az login --service-principal -u {facts.client_id} -p {secret} --tenant {facts.tenant_id}"
    first = facts.vaults[0] if facts.vaults else None
    if way is Way.PROXY:
        name = "NAME" if first is None else first.name
        return login, f"az keyvault key list --vault-name {name}"
    host, _, port = facts.url.removeprefix("https://").rpartition(":")
    register = (
        f"az cloud register -n {CLOUD_NAME} --endpoint-resource-manager {facts.url} --suffix-keyvault-dns :{port}"
    )
    sign_in = (register, f"az cloud set -n {CLOUD_NAME}", login)
    if way is Way.CLOUD:
        return *sign_in, f"az keyvault key list --vault-name {host}"
    url = facts.url if first is None else first.url
    return *sign_in, f"az keyvault key show --id {url}/keys/NAME"


def _value(variable: Variable) -> str:
    if isinstance(variable.value, Path):
        return read_private(variable.value).decode().strip()
    return variable.value
