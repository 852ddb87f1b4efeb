"""A vault without a server: the data plane's operations over a real state, called as its routes call them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.emulator.keys.transfer import Kek

from keyferry.emulator.directory import Principal
from keyferry.emulator.keys import making
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.rows import SCHEMA
from keyferry.emulator.management.vault import Vault
from keyferry.emulator.state import State

BASE = "https://contoso-kv.vault.azure.net"
NAMES = {"contoso-kv.vault.azure.net", "localhost:8443", "127.0.0.1:8443"}
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"

MakeCall = Callable[..., Call]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "state.db", bytes(range(32)), [SCHEMA])
    yield state
    state.close()


@pytest.fixture
def make_call(state: State) -> MakeCall:
    """`make_call(sku="standard", …)`: somebody calls a vault that has these properties."""

    def make(at: State = state, **properties: Any) -> Call:
        vault = Vault(
            **{
                "name": "contoso-kv",
                "subscription_id": SUBSCRIPTION,
                "resource_group": "keys",
                "location": "westeurope",
                "tenant_id": "22222222-2222-2222-2222-222222222222",
                "sku": "premium",
                "retention_days": 90,
                "purge_protection": True,
                "rbac": True,
                "access_policies": (),
                "tags": {},
                "created": 1_700_000_000,
                "port": None,
                "properties": {},
                **properties,
            }
        )
        return Call(at, vault, Principal("object", "app", "somebody"), BASE, NAMES.__contains__, lambda _: None)

    return make


@pytest.fixture
def call(make_call: MakeCall) -> Call:
    """Somebody calls a Premium vault with purge protection."""
    return make_call()


@pytest.fixture
def kek(call: Call) -> Kek:
    """A KEK in that vault."""
    return Kek.of(making.create(call, "KEK", {"kty": "RSA-HSM", "key_size": 2048, "key_ops": ["import"]}))
