"""What the forms of the console are sent with: all that their pages ask for, so that none is refused for that."""

from collections.abc import Callable
from typing import Any

from tests.certificates import own
from tests.custody.pushing import CLIENT, CLIENT_SECRET, FIRST, SECOND, TENANT
from tests.custody.vouching import idp, own_key
from tests.security.house import EXPORT_KEK, NAMES, PROVIDER, fresh_name
from tests.security.standings import GROUP
from tests.security.ways_of_rest import PAIR

from keyferry.ids import new_id
from keyferry.testing import PASSWORD, VAULT

PASSWORDS = {"password": "lantern-over-the-harbour-9", "password_again": "lantern-over-the-harbour-9"}
KEK = {"key_identifier": EXPORT_KEK.identifier, "public_key": EXPORT_KEK.public_pem}
ISSUED = {"certificate": "generate", "certificate_name": "n", "certificate_days": "30", "certificate_format": "pem"}
ISSUED |= {"certificate_key_type": "ec-p256"}
PROVEN = {"current_password": PASSWORD}


def typed(reference: str, **more: str) -> dict[str, str]:
    """A form that asks for the name of what is to be destroyed."""
    return {"typed": NAMES.get(reference, reference), **more}


def brought(_: str) -> dict[str, Any]:
    return {"certificate": "upload", "certificate_name": "n", "certificate_file": own(new_id()).pem}


def new_connection(_: str) -> dict[str, Any]:
    made = {"name": fresh_name("c"), "cloud": "public", "tenant_id": TENANT, "client_id": CLIENT}
    return {**made, "client_secret": CLIENT_SECRET, "vaults": VAULT, "groups": GROUP}


def new_provider(_: str) -> dict[str, Any]:
    configuration = idp().configuration()
    texts = {name: value for name, value in configuration.items() if isinstance(value, str) and name != "metadata"}
    files = {"metadata": configuration["metadata"].encode(), "credential": own_key().reveal()}
    return {"name": fresh_name("p"), "kind": "saml", "map_user_name": "mail", **texts, **files}


def new_issuer(_: str) -> dict[str, str]:
    name = fresh_name("i")
    where = {"issuer": f"https://login.microsoftonline.com/{name}", "audience": "keyferry", "source": "discovery"}
    return {"name": name, **where, "algorithms": "RS256", "longest_lifetime": "3600", "clock_skew": "30"}


def new_workload(issuer: str) -> dict[str, str]:
    return {"name": "deploy", "issuer": issuer, "subject": "pipeline", "user": "owner"}


def push(both: str) -> dict[str, str]:
    key, _, connection = both.partition("|")
    return {"key": key, "vault": VAULT, "name": fresh_name("k"), "connection": connection}


def customer_key(both: str) -> dict[str, str]:
    keys = {f"deployment_{number}": each for number, each in enumerate(both.split("|"), 1)}
    person = {"name": "A", "email": "a@example.org", "phone": "+44 20 7946 0000"}
    people = {f"{who}_{part}": value for who in ("primary", "officer_1") for part, value in person.items()}
    asked = {"organization_id": TENANT, "organization": "Contoso", "workloads": "exchange", "group": GROUP}
    return {**asked, **keys, "subscription_1": FIRST, "subscription_2": SECOND, **people}


def customer_key_edited(_: str) -> dict[str, str]:
    return customer_key("|".join(key["identifier"] for key in PAIR))


def second_of(field: str) -> Callable[[str], dict[str, str]]:
    """A form on a page that is about something else, which the reference names first."""
    return lambda both: {field: both.partition("|")[2]}


def an_identity(_: str) -> dict[str, str]:
    return {"identity_provider": PROVIDER, "identity_subject": new_id()}


def new_key(group: str) -> dict[str, str]:
    return {"kind": "symmetric", "symmetric_type": "aes-128", "owned_by": "group", "group": group}
