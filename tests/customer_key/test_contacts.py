"""Contact information: what is taken, and what is said of each field that will not do."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.customer_key.contacts import MAX_OFFICERS, ContactsRefused, read_contacts, read_contacts_file

TENANT = "11111111-2222-3333-4444-555555555555"
FILE = f"""
organization = "Contoso Ltd"
tenant_id = "{TENANT.upper()}"
tenant_domain = "Contoso.onmicrosoft.com"

[primary_contact]
name = "Primary Contact"
email = "keys@contoso.example"
phone = "+44 20 7946 0000"
title = "Head of Keys"

[[authorized_officers]]
name = "First Officer"
email = "first.officer@contoso.example"
phone = "(020) 7946-0001"

[[authorized_officers]]
name = "Second Officer"
email = "second.officer@contoso.example"
phone = "020 7946 0002"
"""


def members(**changed: Any) -> dict[str, Any]:
    document = read_contacts_file(FILE.encode()).document() | changed
    return {name: value for name, value in document.items() if value != "absent"}


def person(**changed: Any) -> dict[str, Any]:
    document = {"name": "A Person", "email": "person@contoso.example", "phone": "020 7946 0003"} | changed
    return {name: value for name, value in document.items() if value != "absent"}


def faults(document: Any) -> dict[str, str]:
    with pytest.raises(ContactsRefused) as refused:
        read_contacts(document)
    error = refused.value
    assert error.code == "contacts-refused"
    assert error.field == next(iter(error.faults))
    assert all(field in error.detail for field in error.faults)
    assert error.advice
    return error.faults


def test_a_toml_file_is_read() -> None:
    found = read_contacts_file(FILE.encode())
    assert (found.organization, found.tenant_id, found.tenant_domain) == (
        "Contoso Ltd",
        TENANT,
        "contoso.onmicrosoft.com",
    )
    assert (found.primary.email, found.primary.title) == ("keys@contoso.example", "Head of Keys")
    assert [officer.name for officer in found.officers] == ["First Officer", "Second Officer"]


def test_a_json_file_says_the_same() -> None:
    document = read_contacts_file(FILE.encode()).document()
    assert read_contacts_file(json.dumps(document).encode()).document() == document
    assert read_contacts_file(b"\xef\xbb\xbf" + json.dumps(document).encode()).document() == document


def test_the_domain_and_titles_may_be_left_out() -> None:
    found = read_contacts(members(tenant_domain="absent", primary_contact=person()))
    assert (found.tenant_domain, found.primary.title) == (None, None)
    assert "tenant_domain" not in found.document()


@pytest.mark.parametrize(
    ("changed", "field", "complaint"),
    [
        ({"organization": "absent"}, "organization", "is missing"),
        ({"organization": "  "}, "organization", "is empty"),
        ({"organization": 7}, "organization", "is not a text"),
        ({"organization": "x" * 257}, "organization", "256 characters"),
        ({"organization": "Contoso\nLtd"}, "organization", "control character"),
        ({"organization": "Contoso\u202edtL"}, "organization", "cannot be seen"),
        ({"tenant_id": "absent"}, "tenant_id", "is missing"),
        ({"tenant_id": "contoso.onmicrosoft.com"}, "tenant_id", "is no GUID"),
        ({"tenant_id": "00000000-0000-0000-0000-000000000000"}, "tenant_id", "is no GUID"),
        ({"tenant_domain": "contoso"}, "tenant_domain", "is no domain name"),
        ({"tenant_domain": "-contoso.com"}, "tenant_domain", "is no domain name"),
        ({"primary_contact": "absent"}, "primary_contact", "is missing"),
        ({"primary_contact": "Kim"}, "primary_contact", "is not a table"),
        ({"primary_contact": person(name="absent")}, "primary_contact.name", "is missing"),
        ({"primary_contact": person(email="person")}, "primary_contact.email", "is no e-mail address"),
        ({"primary_contact": person(email="a@b")}, "primary_contact.email", "is no e-mail address"),
        ({"primary_contact": person(email="a b@contoso.com")}, "primary_contact.email", "is no e-mail address"),
        ({"primary_contact": person(email="a@contoso.com, b@contoso.com")}, "primary_contact.email", "is no e-mail"),
        ({"primary_contact": person(phone="absent")}, "primary_contact.phone", "is missing"),
        ({"primary_contact": person(phone="call me")}, "primary_contact.phone", "is no telephone number"),
        ({"primary_contact": person(fax="1")}, "primary_contact.fax", "is not known here"),
        ({"authorized_officers": "absent"}, "authorized_officers", "at least one person"),
        ({"authorized_officers": []}, "authorized_officers", "at least one person"),
        ({"authorized_officers": person()}, "authorized_officers", "at least one person"),
        ({"authorized_officers": [person()] * (MAX_OFFICERS + 1)}, "authorized_officers", "at most 10"),
        ({"authorized_officers": [person(), person(email="Person@contoso.example")]}, "authorized_officers", "same"),
        ({"authorized_officers": [person(), person(phone="1")]}, "authorized_officers[1].phone", "telephone"),
        ({"approver": "Kim"}, "approver", "is not known here"),
    ],
)
def test_a_field_that_will_not_do_is_named(changed: dict[str, Any], field: str, complaint: str) -> None:
    assert complaint in faults(members(**changed))[field]


def test_every_fault_is_told_at_once() -> None:
    found = faults(members(organization="absent", tenant_id="x", primary_contact=person(email="x", phone="x")))
    assert list(found) == ["organization", "tenant_id", "primary_contact.email", "primary_contact.phone"]


def test_two_faults_of_one_person_do_not_hide_each_other_in_the_list() -> None:
    found = faults(members(authorized_officers=[person(name="absent", email="x")]))
    assert list(found) == ["authorized_officers[0].name", "authorized_officers[0].email"]


@pytest.mark.parametrize("data", [b"", b"not a file", b"[1, 2]", b"{", b"\xff\xfe", b'{"a": ' * 100_000])
def test_a_file_of_another_kind_is_refused(data: bytes) -> None:
    with pytest.raises(ContactsRefused) as refused:
        read_contacts_file(data)
    assert refused.value.code == "contacts-refused"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
)


@given(JSON, JSON, JSON)
def test_whatever_is_given_is_taken_or_refused_by_field(first: Any, second: Any, third: Any) -> None:
    try:
        read_contacts(members(organization=first, primary_contact=second, authorized_officers=third))
    except ContactsRefused as refused:
        assert refused.faults  # noqa: PT017  # either way out is right; only a fault without a field is not


def test_an_error_never_repeats_what_was_given() -> None:
    with pytest.raises(ContactsRefused) as refused:
        read_contacts(members(primary_contact=person(email="private-address", phone="private-number")))
    assert "private" not in refused.value.detail
