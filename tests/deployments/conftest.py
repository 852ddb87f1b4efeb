"""An installation, a member of a group, and a connection of that group's into a vault of the emulator."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Founded

from keyferry.clouds.azure.hosts import AllowedHosts
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.clouds.azure.vault import AzureVault
from keyferry.custody.caller import Caller
from keyferry.custody.connection_writing import NewConnection
from keyferry.custody.credentials import CredentialKind, NewCredential
from keyferry.custody.deployment_rules import NewDeployment
from keyferry.deployments.server_push import Pushes
from keyferry.emulator.server import Running
from keyferry.material.secret import Secret
from keyferry.testing import Kit


@pytest.fixture
def kit(founded: Founded, tmp_path: Path) -> Iterator[Kit]:
    """On SQLite: what a database makes of it, custody's own tests show."""
    made = founded.copy(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments",))


@pytest.fixture
def outgoing(emulator: Running) -> Outgoing:
    """As a server's settings say it: every request goes through the emulator's proxy."""
    return Outgoing(proxy=emulator.proxy_url, ca_file=emulator.ca_file, allowed=AllowedHosts())


@pytest.fixture
def vault_url(emulator: Running) -> str:
    return f"https://{emulator.vaults[0].name.lower()}.vault.azure.net"


@pytest.fixture
def vault(kit: Kit, kim: Caller, outgoing: Outgoing, planned: str) -> Iterator[AzureVault]:
    """The vault that the deployment is for, with the connection's own sign-in."""
    with Pushes(kit.custody, outgoing)._vault(kim, kit.custody.deployments.show(kim, planned)) as opened:
        yield opened


@pytest.fixture
def name() -> str:
    return f"tenant-{secrets.token_hex(4)}"


def connect(kit: Kit, emulator: Running, name: str = "production", **more: Any) -> None:
    """Make a connection for `payments`."""
    secret = emulator.client_secret_file.read_bytes().strip()
    fields: dict[str, Any] = {
        "name": name,
        "tenant_id": emulator.tenant_id,
        "client_id": emulator.client_id,
        "credential": NewCredential(CredentialKind.CLIENT_SECRET, Secret(secret)),
        "groups": ("payments",),
    }
    kit.custody.connections.create(kit.administrator, NewConnection(**{**fields, **more}))


@pytest.fixture
def planned(kit: Kit, kim: Caller, emulator: Running, vault_url: str, name: str) -> str:
    """The id of a deployment that the server is to push, of an RSA key of Kim's group."""
    connect(kit, emulator, vaults=(vault_url,))
    key = kit.key(kim, "rsa-2048", name, group="payments")
    new = NewDeployment(vault=vault_url, name=name, connection="production")
    return kit.custody.deployments.plan(kim, key.key.id, new).deployment.id
