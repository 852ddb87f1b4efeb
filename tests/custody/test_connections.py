"""Connections: who makes and who uses them, what they reach, and a credential that goes in and never comes out."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.certificates import pem_of_version_2
from tests.custody.pushing import (
    CLIENT_SECRET,
    TENANT,
    certificate_pem,
    client_secret,
    connect,
    new_connection,
)
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry.custody.caller import Caller
from keyferry.custody.connection_writing import ConnectionEdit
from keyferry.custody.credentials import LONGEST_CLIENT_SECRET, CredentialKind, NewCredential
from keyferry.material.secret import Secret
from keyferry.testing import VAULT, Kit

OTHER_VAULT = "https://other-kv.vault.azure.net"
ENDPOINTS = {
    "authority": "https://localhost:8443",
    "resource_manager": "https://localhost:8443",
    "vault_suffix": ":8443",
    "verify_challenge": False,
}


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments",))


@pytest.fixture
def mallory(kit: Kit, kim: Caller) -> Caller:
    return kit.user("mallory", groups=("elsewhere",))


def certificate(pem: bytes) -> NewCredential:
    return NewCredential(CredentialKind.CLIENT_CERTIFICATE, Secret(pem))


class TestMaking:
    def test_it_is_shown_without_its_credential(self, kit: Kit, kim: Caller) -> None:
        made = connect(kit, vaults=("https://Contoso-KV.vault.azure.net/", OTHER_VAULT, OTHER_VAULT))
        assert made.vaults == (VAULT, OTHER_VAULT)
        assert made.groups == ("payments",)
        assert (made.connection.cloud, made.connection.tenant_id, made.connection.disabled) == ("public", TENANT, False)
        assert CLIENT_SECRET not in repr(made)
        assert kit.custody.connections.show(kim, "production") == made
        assert kit.custody.connections.show(kim, made.connection.id) == made

    def test_the_event_tells_all_but_the_credential(self, kit: Kit, kim: Caller) -> None:
        made = connect(kit)
        (event,) = events_of(kit, "connection.create")
        assert (event.object_type, event.object_id, event.object_name) == (
            "connection",
            made.connection.id,
            "production",
        )
        told = details_of(event)
        assert told["credential"] == "client-secret"
        assert told["vaults"] == [VAULT]
        assert CLIENT_SECRET not in event.details

    def test_the_row_holds_the_credential_encrypted(self, kit: Kit, kim: Caller) -> None:
        connect(kit)
        (row,) = rows(kit, "connections")
        assert CLIENT_SECRET.encode() not in row["credential"]
        assert len(row["credential"]) == 5 + 12 + len(CLIENT_SECRET) + 16

    def test_a_certificate_is_known_by_its_fingerprint_and_end(self, kit: Kit, kim: Caller) -> None:
        pem = certificate_pem()
        made = connect(kit, credential=certificate(pem)).connection
        assert made.certificate_sha256 is not None
        assert len(made.certificate_sha256) == 64
        assert made.certificate_expires_at is not None
        assert made.certificate_expires_at > made.created_at
        opened = kit.custody.connections.open(kim, "production", VAULT)
        assert opened.secret is not None
        assert opened.secret.reveal() == pem

    def test_a_managed_identity_needs_no_credential_and_no_ids(self, kit: Kit, kim: Caller) -> None:
        identity = NewCredential(CredentialKind.MANAGED_IDENTITY)
        connect(kit, credential=identity, tenant_id=None, client_id=None)
        opened = kit.custody.connections.open(kim, "production", VAULT)
        assert (opened.kind, opened.secret, opened.client_id) == (CredentialKind.MANAGED_IDENTITY, None, None)

    def test_a_custom_cloud_tells_where_it_is_and_has_vaults_anywhere(self, kit: Kit, kim: Caller) -> None:
        connect(kit, cloud="custom", endpoints=ENDPOINTS, vaults=("https://localhost:8443",))
        opened = kit.custody.connections.open(kim, "production", "https://localhost:8443/")
        assert opened.endpoints == ENDPOINTS

    @pytest.mark.parametrize(
        ("given", "code", "field"),
        [
            ({"name": "Production"}, "name-refused", "name"),
            ({"cloud": "moon"}, "invalid-input", "cloud"),
            ({"cloud": "custom"}, "invalid-input", "endpoints"),
            ({"endpoints": ENDPOINTS}, "invalid-input", "endpoints"),
            ({"cloud": "custom", "endpoints": {**ENDPOINTS, "authority": "http://x"}}, "invalid-input", None),
            ({"cloud": "custom", "endpoints": {**ENDPOINTS, "proxy": "https://x"}}, "invalid-input", "endpoints"),
            ({"tenant_id": "contoso"}, "invalid-input", "tenant_id"),
            ({"tenant_id": None}, "invalid-input", "tenant_id"),
            ({"client_id": None}, "invalid-input", "client_id"),
            ({"vaults": ("contoso-kv",)}, "vault-refused", "vaults"),
            ({"vaults": ("https://kv1.vault.azure.cn",)}, "vault-refused", "vaults"),
            ({"vaults": ("https://vault.example",)}, "vault-refused", "vaults"),
            ({"vaults": tuple(f"https://kv{n}x.vault.azure.net" for n in range(101))}, "invalid-input", "vaults"),
            ({"groups": ("payments", "nowhere")}, "invalid-input", "groups"),
            ({"description": "two\nlines"}, "invalid-input", "description"),
            ({"credential": client_secret("")}, "credential-refused", "client_secret"),
            ({"credential": client_secret("secret\n")}, "credential-refused", "client_secret"),
            ({"credential": client_secret("x" * (LONGEST_CLIENT_SECRET + 1))}, "credential-refused", "client_secret"),
            ({"credential": NewCredential(CredentialKind.CLIENT_SECRET)}, "credential-refused", "client_secret"),
            ({"credential": certificate(b"no PEM")}, "credential-refused", "client_certificate"),
            ({"credential": certificate(certificate_pem(of_another=True))}, "credential-refused", "client_certificate"),
            ({"credential": certificate(certificate_pem(passphrase=b"x"))}, "credential-refused", None),
            ({"credential": certificate(pem_of_version_2(certificate_pem()))}, "credential-refused", None),
        ],
    )
    def test_what_will_not_do_is_refused(
        self, kit: Kit, kim: Caller, given: dict[str, Any], code: str, field: str | None
    ) -> None:
        with refused(code, field) as refusal:
            connect(kit, **given)
        assert "secret\n" not in refusal.error.detail
        assert rows(kit, "connections") == []

    def test_a_name_is_not_used_again(self, kit: Kit, kim: Caller) -> None:
        connect(kit)
        for _ in range(2):
            with refused("name-taken", "name"):
                connect(kit)
            if kit.custody.connections.list(kit.administrator, size=5).items:
                kit.custody.connections.delete(kit.administrator, "production")


class TestUsing:
    def test_a_member_of_a_granted_group_gets_it_open_and_that_is_audited(self, kit: Kit, kim: Caller) -> None:
        made = connect(kit)
        opened = kit.custody.connections.open(kim, made.connection.id, "https://CONTOSO-kv.vault.azure.net/")
        assert opened.secret is not None
        assert opened.secret.reveal() == CLIENT_SECRET.encode()
        assert opened.vault == VAULT
        assert CLIENT_SECRET not in repr(opened)
        (event,) = events_of(kit, "connection.use")
        assert (event.actor_id, event.object_id) == (kim.user_id, made.connection.id)
        assert details_of(event) == {"vault": VAULT}

    def test_an_administrator_who_made_it_does_not(self, kit: Kit, kim: Caller) -> None:
        connect(kit)
        with refused("not-permitted"):
            kit.custody.connections.open(kit.administrator, "production", VAULT)

    def test_for_everybody_else_there_is_none(self, kit: Kit, mallory: Caller) -> None:
        connect(kit)
        for ask in (
            lambda: kit.custody.connections.open(mallory, "production", VAULT),
            lambda: kit.custody.connections.show(mallory, "production"),
        ):
            with refused("not-found"):
                ask()

    def test_only_vaults_that_it_is_for_are_reached(self, kit: Kit, kim: Caller) -> None:
        connect(kit)
        with refused("vault-not-allowed", "vault"):
            kit.custody.connections.open(kim, "production", OTHER_VAULT)
        with refused("vault-refused", "vault"):
            kit.custody.connections.open(kim, "production", "contoso-kv")

    def test_one_that_is_granted_to_nobody_and_reaches_nothing_does_nothing(self, kit: Kit, kim: Caller) -> None:
        connect(kit, groups=(), vaults=())
        with refused("not-found"):
            kit.custody.connections.open(kim, "production", VAULT)

    @pytest.mark.parametrize("end", ["edit the groups", "leave the group", "disable", "delete"])
    def test_what_was_granted_ends_at_once(self, kit: Kit, kim: Caller, end: str) -> None:
        connect(kit)
        ends: dict[str, tuple[str, Callable[[], object]]] = {
            "edit the groups": ("not-found", lambda: edit(kit, groups=())),
            "leave the group": ("not-found", lambda: leave(kit)),
            "disable": ("connection-disabled", lambda: edit(kit, disabled=True)),
            "delete": ("not-found", lambda: kit.custody.connections.delete(kit.administrator, "production")),
        }
        code, act = ends[end]
        kit.custody.connections.open(kim, "production", VAULT)
        act()
        with refused(code):
            kit.custody.connections.open(kim, "production", VAULT)


class TestEditing:
    def test_what_is_left_out_stays(self, kit: Kit, kim: Caller) -> None:
        made = connect(kit, description="the one for payments")
        edited = edit(kit, vaults=(OTHER_VAULT,))
        expected = replace(
            made.connection,
            vaults=json.dumps([OTHER_VAULT]),
            revision=2,
            seal=edited.connection.seal,
        )
        assert edited.connection == expected
        assert edit(kit, description="").connection.description is None

    def test_a_renewed_credential_is_encrypted_anew(self, kit: Kit, kim: Caller) -> None:
        before = connect(kit).connection
        after = edit(kit, credential=client_secret("another-secret-0043")).connection
        assert after.credential != before.credential
        assert after.credential_set_at > before.credential_set_at
        opened = kit.custody.connections.open(kim, "production", VAULT)
        assert opened.secret is not None
        assert opened.secret.reveal() == b"another-secret-0043"

    def test_a_secret_may_give_way_to_a_certificate_and_back(self, kit: Kit, kim: Caller) -> None:
        connect(kit)
        assert edit(kit, credential=certificate(certificate_pem())).connection.certificate_sha256 is not None
        back = edit(kit, credential=client_secret()).connection
        assert (back.credential_kind, back.certificate_sha256, back.certificate_expires_at) == (
            "client-secret",
            None,
            None,
        )

    def test_a_managed_identity_without_ids_takes_no_credential_that_needs_them(self, kit: Kit, kim: Caller) -> None:
        connect(kit, credential=NewCredential(CredentialKind.MANAGED_IDENTITY), tenant_id=None, client_id=None)
        with refused("invalid-input", "tenant_id"):
            edit(kit, credential=client_secret())

    def test_another_revision_is_refused(self, kit: Kit, kim: Caller) -> None:
        connect(kit)
        with refused("revision-conflict", "If-Match"):
            kit.custody.connections.edit(kit.administrator, "production", ConnectionEdit(disabled=True), revision=2)

    def test_a_deleted_one_keeps_its_record_and_no_credential(self, kit: Kit, kim: Caller) -> None:
        connect(kit)
        kit.custody.connections.delete(kit.administrator, "production")
        (row,) = rows(kit, "connections")
        assert (row["credential"], bool(row["disabled"]), row["name"]) == (None, True, "production")
        with refused("not-found"):
            kit.custody.connections.show(kit.administrator, "production")


class TestListing:
    def test_everybody_sees_what_is_theirs_to_use(self, kit: Kit, kim: Caller, mallory: Caller) -> None:
        for name, group in (("a", "payments"), ("b", "elsewhere"), ("c", "payments"), ("d", "payments")):
            connect(kit, name, groups=(group,))

        def names(caller: Caller, size: int = 10, after: str = "") -> list[str]:
            page = kit.custody.connections.list(caller, size=size, after=after)
            found = [detail.connection.name for detail in page.items]
            return found if page.next is None else [*found, *names(caller, size, page.next)]

        assert names(kit.administrator, 3) == ["a", "b", "c", "d"]
        assert names(kim, 2) == names(kim) == ["a", "c", "d"]
        assert names(mallory) == ["b"]

    def test_one_that_was_deleted_is_in_no_list(self, kit: Kit, kim: Caller) -> None:
        connect(kit)
        kit.custody.connections.delete(kit.administrator, "production")
        assert kit.custody.connections.list(kit.administrator, size=5).items == ()


def test_a_new_connection_prints_no_secret() -> None:
    assert CLIENT_SECRET not in repr(new_connection())
    assert CLIENT_SECRET not in repr(ConnectionEdit(credential=client_secret()))


def edit(kit: Kit, **changes: Any) -> Any:
    return kit.custody.connections.edit(kit.administrator, "production", ConnectionEdit(**changes))


def leave(kit: Kit) -> None:
    from keyferry.custody.accounts import UserEdit

    kit.custody.users.edit(kit.administrator, "kim", UserEdit(groups=()))
