"""A versioned key identifier names one public key for ever, and the policy says whose are welcome."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.custody.reading import events_of, rows
from tests.custody.refusing import refused

from keyferry.custody.caller import Caller
from keyferry.custody.export_rules import Request
from keyferry.custody.groups import GroupEdit
from keyferry.store.records import Kek as KekRow
from keyferry.testing import Kek, Kit

OTHER = Kek.make(name="other")


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments",))


@pytest.fixture
def key(kit: Kit, kim: Caller) -> str:
    return kit.key(kim, "ec-p256", "tenant", group="payments").key.id


def impostor(kek: Kek) -> Kek:
    """Another public key, under the identifier of `kek`."""
    return replace(OTHER, identifier=kek.identifier)


def register(kit: Kit, kek: Kek) -> KekRow:
    return kit.custody.keks.register(kit.administrator, "azure", kek.identifier, kek.public_pem)


class TestBinding:
    def test_the_first_export_records_the_public_key(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        assert kit.custody.exports.preview(kim, key, kek.request).known_as == "new"
        assert rows(kit, "keks") == [], "a preview records nothing"
        exported = kit.export(kim, key, kek)
        (row,) = rows(kit, "keks")
        assert row["spki_sha256"] == exported.export.kek_sha256
        assert (row["source"], row["registered"], row["created_by"]) == ("export", False, kim.user_id)
        assert kit.custody.exports.preview(kim, key, kek.request).known_as == "used before"
        kit.export(kim, key, kek)
        assert len(rows(kit, "keks")) == 1

    def test_another_public_key_is_refused_from_then_on_with_both_fingerprints(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        bound = kit.export(kim, key, kek).export.kek_sha256
        theirs = kit.export(kim, key, OTHER).export.kek_sha256
        for ask in (kit.custody.exports.export, kit.custody.exports.preview):
            with refused("kek-mismatch", "public_key") as refusal:
                ask(kim, key, impostor(kek).request)
            assert bound in refusal.error.detail
            assert theirs in refusal.error.detail
        with refused("kek-mismatch", "public_key"):
            register(kit, impostor(kek))
        assert len(rows(kit, "exports")) == 2

    def test_it_is_bound_for_everyone(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        kit.export(kim, key, kek)
        lee = kit.user("lee")
        with refused("kek-mismatch", "public_key"):
            kit.export(lee, kit.key(lee, "ec-p256").key.id, impostor(kek))

    def test_another_spelling_of_the_identifier_is_the_same_one(
        self, kit: Kit, kim: Caller, key: str, kek: Kek
    ) -> None:
        kit.export(kim, key, kek)
        host, path = kek.identifier.split("/keys/")
        for spelling in (f"{host.upper().replace('HTTPS', 'https')}/keys/{path}", f"{host}/keys/{path.lower()}"):
            assert spelling != kek.identifier
            with refused("kek-mismatch", "public_key"):
                kit.export(kim, key, replace(impostor(kek), identifier=spelling))
            assert kit.export(kim, key, replace(kek, identifier=spelling)).export.kek_sha256
        assert len(rows(kit, "keks")) == 1

    def test_another_version_of_the_key_is_another_identifier(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        kit.export(kim, key, kek)
        newer = replace(OTHER, identifier=kek.identifier[:-1] + "f")
        assert kit.export(kim, key, newer).export.key_identifier == newer.identifier
        assert len(rows(kit, "keks")) == 2


class TestRegistering:
    def test_an_administrator_registers_a_public_key(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        row = register(kit, kek)
        assert (row.registered, row.source, row.bits) == (True, "administrator", 2048)
        assert kit.custody.exports.preview(kim, key, kek.request).known_as == "registered"
        assert register(kit, kek) == row, "again is no change"
        with refused("kek-mismatch", "public_key"):
            kit.export(kim, key, impostor(kek))

    def test_what_an_export_has_bound_is_registered_later(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        kit.export(kim, key, kek)
        assert register(kit, kek).registered
        assert [row["source"] for row in rows(kit, "keks")] == ["administrator"]

    def test_withdrawing_a_registration_keeps_the_binding(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        row = register(kit, kek)
        another_spelling = kek.identifier.replace("/KEK/", "/kek/")
        assert not kit.custody.keks.unregister(kit.administrator, another_spelling).registered
        with refused("kek-not-registered"):
            kit.custody.keks.unregister(kit.administrator, row.id)
        with refused("kek-mismatch", "public_key"):
            register(kit, impostor(kek))
        with refused("kek-mismatch", "public_key"):
            kit.export(kim, key, impostor(kek))
        assert register(kit, kek).registered

    def test_one_that_nobody_knows(self, kit: Kit, kek: Kek) -> None:
        with refused("not-found", "kek"):
            kit.custody.keks.unregister(kit.administrator, kek.identifier)

    def test_what_will_not_do_is_not_registered(self, kit: Kit, kek: Kek) -> None:
        asks: list[tuple[str, str, bytes]] = [
            ("kek-is-private", kek.identifier, kek.private_pem),
            ("identifier-no-version", kek.identifier.rsplit("/", 1)[0], kek.public_pem),
            ("kek-unreadable", kek.identifier, b"nothing"),
        ]
        for code, identifier, public_key in asks:
            with refused(code):
                kit.custody.keks.register(kit.administrator, "azure", identifier, public_key)
        with refused("destination-unknown", "destination"):
            kit.custody.keks.register(kit.administrator, "mars", kek.identifier, kek.public_pem)
        assert rows(kit, "keks") == []

    def test_everyone_may_know_which_there_are(self, kit: Kit, kim: Caller, kek: Kek) -> None:
        identifiers = {register(kit, kek).identifier, register(kit, OTHER).identifier}
        first = kit.custody.keks.list(kim, size=1)
        second = kit.custody.keks.list(kim, size=1, after=first.next or "")
        assert {row.identifier for row in (*first.items, *second.items)} == identifiers
        assert second.next is None


class TestPolicy:
    def test_where_only_registered_ones_are_accepted(self, make_kit: Callable[..., Kit], kek: Kek) -> None:
        kit = make_kit(kek_policy="registered")
        kim = kit.user("kim")
        key = kit.key(kim, "ec-p256").key.id
        for ask in (kit.custody.exports.export, kit.custody.exports.preview):
            with refused("kek-not-registered", "public_key"):
                ask(kim, key, kek.request)
        assert rows(kit, "exports") == rows(kit, "keks") == []
        register(kit, kek)
        assert kit.export(kim, key, kek).export.key_id == key
        kit.custody.keks.unregister(kit.administrator, kek.identifier)
        with refused("kek-not-registered", "public_key"):
            kit.export(kim, key, kek)

    def test_a_groups_own_policy_goes_before_the_servers(self, make_kit: Callable[..., Kit], kek: Kek) -> None:
        kit = make_kit(kek_policy="registered")
        kim = kit.user("kim", groups=("payments",))
        own, shared = kit.key(kim, "ec-p256").key.id, kit.key(kim, "ec-p256", group="payments").key.id
        with refused("kek-not-registered", "public_key"):
            kit.export(kim, shared, kek)
        kit.custody.groups.edit(kit.administrator, "payments", GroupEdit(kek_policy="any"))
        assert kit.export(kim, shared, kek).export.key_id == shared
        with refused("kek-not-registered", "public_key"):
            kit.export(kim, own, kek)
        kit.custody.groups.edit(kit.administrator, "payments", GroupEdit(kek_policy="inherit"))
        with refused("kek-not-registered", "public_key"):
            kit.export(kim, shared, kek)

    def test_a_group_may_be_stricter_than_the_server(self, kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
        kit.custody.groups.edit(kit.administrator, "payments", GroupEdit(kek_policy="registered"))
        kit.export(kim, kit.key(kim, "ec-p256").key.id, kek)
        with refused("kek-not-registered", "public_key"):
            kit.export(kim, key, kek)
        register(kit, kek)
        assert kit.export(kim, key, kek).export.key_id == key


def test_no_refusal_leaves_an_export_or_a_binding(kit: Kit, kim: Caller, key: str, kek: Kek) -> None:
    aes, kept = kit.key(kim).key.id, kit.key(kim, "ec-p256", exportable=False).key.id
    good = kek.request
    versionless = kek.identifier.rsplit("/", 1)[0]
    asks: list[tuple[str, str, Request]] = [
        ("destination-unknown", key, replace(good, destination="mars")),
        ("identifier-no-version", key, replace(good, key_identifier=versionless)),
        ("identifier-not-https", key, replace(good, key_identifier=kek.identifier.replace("https", "http"))),
        ("identifier-version", key, replace(good, key_identifier=versionless + "/" + "g" * 32)),
        ("identifier-query", key, replace(good, key_identifier=kek.identifier + "?a=b")),
        ("kek-is-private", key, replace(good, public_key=kek.private_pem)),
        ("kek-several-blocks", key, replace(good, public_key=kek.public_pem * 2)),
        ("kek-size", key, replace(good, public_key=Kek.make(1024).public_pem)),
        ("kek-unreadable", key, replace(good, public_key=b"-----")),
        ("target-needs-managed-hsm", aes, good),
        ("key-not-exportable", kept, good),
    ]
    for code, reference, request in asks:
        for ask in (kit.custody.exports.preview, kit.custody.exports.export):
            with refused(code):
                ask(kim, reference, request)
    assert rows(kit, "exports") == rows(kit, "keks") == []
    codes = [event.code for event in events_of(kit, "key.export", "refused")]
    assert codes == [code for code, _, _ in asks for _ in range(2)]
