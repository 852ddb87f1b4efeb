"""Client certificates as custody keeps them: bound once, for good, by sealed rows; and how they end."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key
from cryptography.x509 import load_der_x509_certificate
from sqlalchemy import text
from tests.backup.conftest import root_of
from tests.certificates import own
from tests.custody.reading import details_of, events_of, later, rows
from tests.custody.refusing import refused

from keyferry.backup.creating import create_backup
from keyferry.backup.restoring import restore_backup
from keyferry.clock import DAY, SECOND
from keyferry.custody import certificate_rows, certificates
from keyferry.custody.caller import Caller
from keyferry.custody.certificates import BundleForm, NewCertificate
from keyferry.custody.client_authority import ClientAuthority
from keyferry.custody.policy import Role
from keyferry.custody.resealing import Resealing
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.tickets import Needs
from keyferry.custody.trusted_certificates import TrustedCertificates
from keyferry.errors import IntegrityViolation, NotAuthenticated
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.material.secret import Secret
from keyferry.store.records import Certificate
from keyferry.testing import ADDRESS, ADMINISTRATOR, PASSWORD, Kit

PEM = NewCertificate(name="script", form=BundleForm.PEM)


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim")


def come(kit: Kit, certificate: bytes) -> Caller:
    """The caller whom a certificate stands for, once the gate has judged it."""
    caller = kit.installation.certificates.authenticate(certificate, ADDRESS)
    kit.custody.keys.list(caller, size=1)
    return caller


def comes(kit: Kit, row: Certificate) -> bool:
    try:
        come(kit, row.certificate)
    except NotAuthenticated:
        return False
    return True


def change_behind(kit: Kit, sql: str, **values: object) -> None:
    with kit.installation.store.engine.begin() as connection:
        assert connection.execute(text(sql), values).rowcount == 1


def test_it_acts_as_its_user_and_no_further(kit: Kit, kim: Caller) -> None:
    row = kit.custody.certificates.issue(kim, PEM).certificate
    caller = come(kit, row.certificate)
    assert caller == Caller(kim.user_id, None, ADDRESS, row.id)
    assert kit.key(caller).owner.name == "kim"
    with refused("not-permitted"):
        kit.custody.users.list(caller, size=1)


def test_the_private_key_is_kept_nowhere_and_the_authoritys_lies_sealed(kit: Kit, kim: Caller) -> None:
    issued = kit.custody.certificates.issue(kim, PEM)
    key = load_pem_private_key(issued.bundle.content.reveal(), None)
    opened = load_der_private_key(ClientAuthority(kit.custody.gate).get(kim, kim.user_id).key.reveal(), None)
    secrets = [each.private_numbers().private_value.to_bytes(32) for each in (key, opened)]  # type: ignore[union-attr]  # EC keys
    kept = repr([rows(kit, table) for table in ("certificates", "certificate_authorities", "audit_events")]).encode()
    for secret in secrets:
        assert repr(secret)[2:-1].encode() not in kept
    home = kit.installation.settings.home
    files = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert not any(secret in files for secret in secrets)


class TestBinding:
    def test_once_to_one_user_and_never_again(self, kit: Kit, kim: Caller) -> None:
        lee, mine = kit.user("lee"), own()
        row = kit.custody.certificates.upload(kim, "card", mine.pem)
        for who in (kim, lee, kit.administrator):
            with refused("certificate-bound", "certificate"):
                kit.custody.certificates.upload(who, "card", mine.pem)
        kit.custody.certificates.revoke(kim, row.id)
        with refused("certificate-bound", "certificate"):
            kit.custody.certificates.upload(lee, "card", mine.pem)

    def test_two_who_bring_the_same_at_once(self, kit: Kit, kim: Caller) -> None:
        lee, mine = kit.user("lee"), own()

        def bring(who: Caller) -> str:
            try:
                return kit.custody.certificates.upload(who, "card", mine.pem).user_id
            except Exception as error:  # noqa: BLE001  # whichever it is, is looked at
                return str(getattr(error, "code", error))

        with ThreadPoolExecutor(2) as pool:
            came_to = list(pool.map(bring, (kim, lee)))
        assert sorted(came_to).count("certificate-bound") == 1
        assert len(rows(kit, "certificates")) == 1

    def test_one_authority_for_all_however_many_ask_first(self, kit: Kit, kim: Caller) -> None:
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda _: kit.custody.certificates.issue(kim, PEM).certificate, range(4)))
        assert len({row.issuer for row in made}) == 1
        assert len(rows(kit, "certificate_authorities")) == 1
        assert len({row.fingerprint for row in made}) == 4

    def test_as_many_as_there_may_be(self, kit: Kit, kim: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (certificate_rows, certificates):
            monkeypatch.setattr(module, "MOST", 3)
        made = [kit.custody.certificates.issue(kim, PEM).certificate for _ in range(3)]
        with refused("conflict", "user"):
            kit.custody.certificates.issue(kim, PEM)
        kit.custody.certificates.revoke(kim, made[0].id)
        kit.custody.certificates.issue(kim, PEM)

    def test_for_somebody_else_it_is_audited_and_told(self, kit: Kit, kim: Caller) -> None:
        row = kit.custody.certificates.issue(kit.administrator, PEM, user="kim").certificate
        assert (row.user_id, row.created_by) == (kim.user_id, kit.administrator.user_id)
        event = events_of(kit, "certificate.issue")[-1]
        assert (event.object_type, event.object_id, event.actor_name) == ("certificate", row.id, ADMINISTRATOR)
        told = details_of(event)
        assert (told["user"], told["fingerprint"], told["by_another"]) == ("kim", row.fingerprint, True)
        signed_in = kit.installation.sign_in.sign_in("kim", Secret(PASSWORD.encode()), ADDRESS)
        assert any(f"'script' was added for you by '{ADMINISTRATOR}'" in each for each in signed_in.notices)  # type: ignore[union-attr]  # no second factor
        again = kit.installation.sign_in.sign_in("kim", Secret(PASSWORD.encode()), ADDRESS)
        assert again.notices == ()  # type: ignore[union-attr]  # the same

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": "a\nb"}, "name"),
            ({"lifetime": 60 * SECOND - 1}, "lifetime"),
            ({"lifetime": 1098 * DAY + 1}, "lifetime"),
            ({"key_type": "rsa-1024"}, "key_type"),
            ({"form": BundleForm.PKCS12}, "password"),
            ({"form": BundleForm.PKCS12, "request": own().pem}, "format"),
            ({"password": Secret(b"twelve bytes"), "request": own().pem}, "password"),
            ({"request": own().pem}, "request"),
        ],
    )
    def test_what_is_not_issued(self, kit: Kit, kim: Caller, changed: dict[str, object], field: str) -> None:
        given: dict[str, object] = {"name": "script", "form": BundleForm.PEM, **changed}
        with refused("certificate-refused" if field == "request" else "invalid-input", field):
            kit.custody.certificates.issue(kim, NewCertificate(**given))  # type: ignore[arg-type]  # its fields
        assert rows(kit, "certificates") == []


class TestEnding:
    def test_at_its_date_also_where_that_is_brought_forward(self, kit: Kit, kim: Caller) -> None:
        issued = kit.custody.certificates.issue(
            kim, NewCertificate(name="short", form=BundleForm.PEM, lifetime=120 * SECOND)
        ).certificate
        brought = kit.custody.certificates.upload(kim, "card", own().pem, lifetime=90 * SECOND)
        assert brought.expires_at - brought.created_at <= 90 * SECOND
        with later(85 * SECOND):
            assert comes(kit, issued)
            assert comes(kit, brought)
        with later(91 * SECOND):
            assert not comes(kit, brought)
        with later(121 * SECOND):
            assert not comes(kit, issued)

    def test_with_what_it_began(self, kit: Kit, kim: Caller) -> None:
        row = kit.custody.certificates.issue(kim, PEM).certificate
        caller = come(kit, row.certificate)
        token = kit.custody.tokens.create(caller, "robot", DAY)
        session = kit.installation.certificates.open_session(row.certificate, ADDRESS, idle_after=3600 * SECOND)
        held = [
            Caller(kim.user_id, each, ADDRESS)
            for each in (token.token.id, session.issued.token.id)  # type: ignore[union-attr]  # no second factor
        ]
        for each in held:
            kit.custody.keys.list(each, size=1)
            further = kit.custody.tokens.create(each, "further", DAY).token
            assert further.certificate_id == row.id
            with refused("not-permitted"):
                kit.custody.certificates.issue(each, PEM)
        kit.custody.certificates.revoke(kit.administrator, row.id)
        for each in (*held, Caller(kim.user_id, further.id, ADDRESS), caller):
            with pytest.raises(NotAuthenticated):
                kit.custody.keys.list(each, size=1)

    def test_only_those_in_force_are_carried_over_a_change_of_ones_password(self, kit: Kit, kim: Caller) -> None:
        kept, ended = (kit.custody.certificates.issue(kim, PEM).certificate for _ in range(2))
        kit.custody.certificates.revoke(kim, ended.id)
        new = Secret(b"other-lantern-harbour-7")
        kit.custody.users.set_password(kim, kim.user_id, new, current=Secret(PASSWORD.encode()))
        assert (comes(kit, kept), comes(kit, ended)) == (True, False)
        kim = kit.sign_in("kim", new.reveal().decode())
        assert [each.certificate.id for each in kit.custody.certificates.in_force(kim)] == [kept.id]
        kit.custody.users.set_password(kit.administrator, kim.user_id, Secret(PASSWORD.encode()))
        kim = kit.sign_in("kim")
        assert not comes(kit, kept)
        assert kit.custody.certificates.in_force(kim) == ()
        listed = kit.custody.certificates.list(kim, size=1)
        rest = kit.custody.certificates.list(kim, size=9, after=listed.next or "")
        assert [each.certificate.id for each in (*listed.items, *rest.items)] == [kept.id, ended.id]

    @pytest.mark.parametrize("certificate_id", ["", "none", "00000000-0000-0000-0000-000000000000"])
    def test_one_that_there_is_not(self, kit: Kit, certificate_id: str) -> None:
        for operation in (kit.custody.certificates.show, kit.custody.certificates.revoke):
            with refused("not-found", "certificate"):
                operation(kit.administrator, certificate_id)


class TestWithASecondFactor:
    def test_people_are_asked_for_it_and_the_session_still_ends_with_the_certificate(
        self, kit: Kit, kim: Caller
    ) -> None:
        row = kit.custody.certificates.issue(kim, PEM).certificate
        app = kit.set_up_app(kim)
        with later(300 * SECOND):
            steps, codes = kit.installation.sign_in.steps, iter((app.code(), app.code(1)))
            begun = kit.installation.certificates.open_session(row.certificate, ADDRESS, idle_after=DAY)
            waiting = kit.installation.certificates.open_session(row.certificate, ADDRESS, idle_after=DAY)
            assert isinstance(begun, Unfinished)
            assert isinstance(waiting, Unfinished)
            assert begun.needs is Needs.FACTOR
            came_to = steps.by_code(begun.ticket.reveal().decode(), Secret(next(codes).encode()), ADDRESS)
            assert isinstance(came_to, SignedIn)
            token = came_to.issued.token
            assert (token.method, token.second_factor, token.certificate_id) == ("certificate", "totp", row.id)
            caller = Caller(kim.user_id, token.id, ADDRESS)
            kit.custody.keys.list(caller, size=1)
            kit.custody.certificates.revoke(kit.administrator, row.id)
            with pytest.raises(NotAuthenticated):
                kit.custody.keys.list(caller, size=1)
            with pytest.raises(NotAuthenticated):
                steps.by_code(waiting.ticket.reveal().decode(), Secret(next(codes).encode()), ADDRESS)

    def test_programs_are_not_where_a_role_needs_one(self, kit: Kit, kim: Caller) -> None:
        row = kit.custody.certificates.issue(kim, PEM).certificate
        edit = ServerPolicyEdit(second_factor_roles=(Role.KEY_ACCESS_USER,))
        kit.custody.server_policy.edit(kit.administrator, edit)
        assert comes(kit, row)
        begun = kit.installation.certificates.open_session(row.certificate, ADDRESS, idle_after=DAY)
        assert isinstance(begun, Unfinished)
        assert begun.needs is Needs.ENROLMENT


class TestBehindKeyferrysBack:
    @pytest.mark.parametrize(
        "change",
        [
            "user_id = :other",
            "fingerprint = :digest",
            "epoch = epoch + 1",
            "expires_at = expires_at + 1",
            "revoked_at = NULL",
        ],
    )
    def test_an_edited_row_is_refused(self, kit: Kit, kim: Caller, change: str) -> None:
        stray, row = own(), kit.custody.certificates.upload(kim, "card", own().pem)
        if change.startswith("revoked"):
            kit.custody.certificates.revoke(kim, row.id)
        digest = sha256(stray.der).hexdigest()
        values: dict[str, object] = {"other": kit.administrator.user_id, "digest": digest}
        given = {name: value for name, value in values.items() if f":{name}" in change}
        change_behind(kit, f"UPDATE certificates SET {change} WHERE id = :id", id=row.id, **given)  # ours
        presented = stray.der if change.startswith("fingerprint") else row.certificate
        with pytest.raises(IntegrityViolation):
            come(kit, presented)

    def test_an_old_row_put_back_is_refused(self, kit: Kit, kim: Caller) -> None:
        row = kit.custody.certificates.upload(kim, "card", own().pem)
        (before,) = rows(kit, "certificates")
        kit.custody.certificates.revoke(kim, row.id)
        old = "UPDATE certificates SET revoked_at = NULL, revision = :revision, seal = :seal WHERE id = :id"
        change_behind(kit, old, id=row.id, revision=before["revision"], seal=before["seal"])
        with pytest.raises(IntegrityViolation):
            come(kit, row.certificate)

    def test_an_authority_that_was_removed_is_not_made_anew(self, kit: Kit, kim: Caller) -> None:
        kit.custody.certificates.issue(kim, PEM)
        change_behind(kit, "DELETE FROM certificate_authorities")
        with refused("row-tampered"):
            kit.custody.certificates.issue(kim, PEM)
        assert rows(kit, "certificate_authorities") == []

    def test_an_authority_of_somebody_elses_is_refused(self, kit: Kit, kim: Caller) -> None:
        kit.custody.certificates.issue(kim, PEM)
        change_behind(kit, "UPDATE certificate_authorities SET certificate = :other", other=own(ca=True).der)
        with refused("row-tampered"):
            kit.custody.certificates.issue(kim, PEM)
        installation = kit.installation
        with pytest.raises(IntegrityViolation):
            TrustedCertificates(installation.store, installation.sealer).fresh()


def test_what_tls_may_let_through_is_told_once_to_each_node(kit: Kit, kim: Caller) -> None:
    installation = kit.installation
    first, second = (TrustedCertificates(installation.store, installation.sealer) for _ in range(2))
    assert first.fresh() == []
    mine = [own(), own()]
    for each in mine:
        kit.custody.certificates.upload(kim, "card", each.pem)
    assert sorted(first.fresh()) == sorted(each.der for each in mine)
    assert first.fresh() == []
    row = kit.custody.certificates.issue(kim, PEM).certificate
    (authority,) = first.fresh()
    assert row.certificate not in second.fresh()
    assert authority not in first.fresh()
    with later(31 * DAY):
        assert TrustedCertificates(installation.store, installation.sealer).fresh() == [authority]


def test_a_new_data_key_seals_them_anew_and_they_go_on(kit: Kit, kim: Caller) -> None:
    row = kit.custody.certificates.issue(kim, PEM).certificate
    before = rows(kit, "certificate_authorities")[0]["key"]
    Resealing(kit.installation.store, kit.installation.sealer, kit.installation.root).run()
    assert rows(kit, "certificate_authorities")[0]["key"][:5] != before[:5]
    assert comes(kit, row)
    assert kit.custody.certificates.issue(kim, PEM).certificate.issuer == row.issuer


def test_a_restored_store_knows_them_and_issues_under_the_same_authority(kit: Kit, kim: Caller, tmp_path: Path) -> None:
    row = kit.custody.certificates.issue(kim, PEM).certificate
    ended = kit.custody.certificates.upload(kim, "card", own().pem)
    kit.custody.certificates.revoke(kim, ended.id)
    kit.background.tick()
    made = create_backup(kit.installation, tmp_path / "store.backup")
    restored = restore_backup(made.file, root_of(kit), tmp_path / "second")
    assert restored.verified.findings == ()
    second = Kit.open(restored.home)
    assert (comes(second, row), comes(second, ended)) == (True, False)
    fresh = second.custody.certificates.issue(second.sign_in("kim"), PEM).certificate
    *_, authority = TrustedCertificates(second.installation.store, second.installation.sealer).fresh()
    for each in (row, fresh):
        load_der_x509_certificate(each.certificate).verify_directly_issued_by(load_der_x509_certificate(authority))
    second.close()
