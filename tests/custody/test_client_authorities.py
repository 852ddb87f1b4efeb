"""One authority of client certificates after another, and the end of what an earlier one has issued."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from tests.certificates import own
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry import client_certificates
from keyferry.client_certificates import pem_of
from keyferry.clock import DAY
from keyferry.custody.caller import Caller
from keyferry.custody.certificates import BundleForm, NewCertificate
from keyferry.custody.client_authority import id_of
from keyferry.errors import NotAuthenticated
from keyferry.identity.certificates import CertificateAuthenticator
from keyferry.store.records import Certificate
from keyferry.testing import ADDRESS, Kit

PEM = NewCertificate(name="nightly", form=BundleForm.PEM)


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim")


@pytest.fixture
def other_node(kit: Kit) -> Iterator[Kit]:
    """The same store, opened once more."""
    node = Kit.open(kit.installation.settings.home)
    yield node
    node.close()


def issued(kit: Kit, kim: Caller) -> Certificate:
    return kit.custody.certificates.issue(kim, PEM).certificate


def works(kit: Kit, caller: Caller) -> bool:
    try:
        kit.custody.keys.list(caller, size=1)
    except NotAuthenticated:
        return False
    return True


def by(row: Certificate) -> Caller:
    return Caller(row.user_id, None, ADDRESS, row.id)


def signed_by(row: Certificate, authority: Any) -> bool:
    leaf = x509.load_der_x509_certificate(row.certificate)
    try:
        leaf.verify_directly_issued_by(x509.load_der_x509_certificate(authority.authority.certificate))
    except (ValueError, InvalidSignature):
        return False
    return True


def test_a_new_one_issues_from_now_on_and_earlier_certificates_hold(kit: Kit, kim: Caller, other_node: Kit) -> None:
    authorities = kit.custody.client_authorities
    assert authorities.list(kit.administrator) == []
    before = issued(kit, kim)
    made = authorities.rotate(kit.administrator)
    assert (made.name, made.issues, made.in_force) == ("Keyferry client authority 2", True, 0)
    after = issued(other_node, kim)
    first, second = authorities.list(kit.administrator)
    assert [(each.name, each.issues, each.in_force) for each in (first, second)] == [
        ("Keyferry client authority", False, 1),
        ("Keyferry client authority 2", True, 1),
    ]
    assert [signed_by(row, each) for row in (before, after) for each in (first, second)] == [True, False, False, True]
    assert works(kit, by(before))
    assert works(kit, by(after))
    (event,) = events_of(kit, "certificate-authority.rotate")
    assert (details_of(event)["name"], details_of(event)["fingerprint"]) == (made.name, made.fingerprint)


def test_retiring_an_earlier_one_ends_what_it_has_issued_and_nothing_else(
    kit: Kit, kim: Caller, other_node: Kit
) -> None:
    first, again = issued(kit, kim), issued(kit, kim)
    kit.custody.certificates.revoke(kim, again.id)
    token = kit.custody.tokens.create(by(first), "of a certificate", DAY).token
    mine = kit.custody.certificates.upload(kim, "mine", own().pem)
    authorities = kit.custody.client_authorities
    authorities.rotate(kit.administrator)
    second = issued(kit, kim)
    done = authorities.retire(kit.administrator, id_of(kit.installation.sealer, 1))
    assert (done.ended, done.detail.in_force, done.detail.issues) == (1, 0, False)
    for node in (kit, other_node):
        assert [works(node, by(each)) for each in (first, second, mine)] == [False, True, True]
        assert not works(node, Caller(token.user_id, token.id, ADDRESS))
    events = events_of(kit, "certificate-authority.retire")
    assert {each.object_id for each in events} == {done.detail.authority.id, first.id}
    assert details_of(events[0])["ended_certificates"] == 1
    with refused("authority-retired"):
        authorities.retire(kit.administrator, done.detail.authority.id)


def test_the_one_that_issues_is_not_retired(kit: Kit, kim: Caller) -> None:
    row = issued(kit, kim)
    with refused("authority-issues"):
        kit.custody.client_authorities.retire(kit.administrator, id_of(kit.installation.sealer, 1))
    with refused("not-found"):
        kit.custody.client_authorities.retire(kit.administrator, id_of(kit.installation.sealer, 2))
    assert works(kit, by(row))


def test_what_was_signed_and_not_kept_when_its_authority_is_retired_is_refused(
    kit: Kit, kim: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued(kit, kim)
    sign = client_certificates.issue

    def meanwhile(*args: Any, **more: Any) -> bytes:
        signed: bytes = sign(*args, **more)
        kit.custody.client_authorities.rotate(kit.administrator)
        kit.custody.client_authorities.retire(kit.administrator, id_of(kit.installation.sealer, 1))
        return signed

    monkeypatch.setattr(client_certificates, "issue", meanwhile)
    with refused("authority-retired"):
        issued(kit, kim)
    assert len(rows(kit, "certificates")) == 1


def test_a_retired_certificate_stands_for_nobody_at_a_new_connection(kit: Kit, kim: Caller) -> None:
    row = issued(kit, kim)
    knowing = CertificateAuthenticator(kit.custody)
    assert works(kit, knowing.authenticate(row.certificate, ADDRESS))
    kit.custody.client_authorities.rotate(kit.administrator)
    kit.custody.client_authorities.retire(kit.administrator, id_of(kit.installation.sealer, 1))
    again = knowing.recognise(row.certificate, ADDRESS)
    assert again is not None
    assert not works(kit, again)
    with refused("certificate-bound"):
        kit.custody.certificates.upload(kim, "back", pem_of(row.certificate).encode())


def test_the_listeners_trust_each_that_is_not_retired_when_they_begin(kit: Kit, kim: Caller) -> None:
    issued(kit, kim)
    trusted = kit.custody.trusted_certificates
    (first,) = trusted.fresh()
    assert trusted.fresh() == []
    second = kit.custody.client_authorities.rotate(kit.administrator).authority.certificate
    assert trusted.fresh() == [second]
    kit.custody.client_authorities.retire(kit.administrator, id_of(kit.installation.sealer, 1))
    assert trusted.fresh() == []
    later = type(trusted)(kit.installation.store, kit.installation.sealer).fresh()
    assert (first in later, second in later) == (False, True)
