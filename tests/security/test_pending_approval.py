"""Every operation that can be under approval, at REST and at the console: refused, with a request filed, and done once
it is approved. The same, asked for at the other door, is the same request.

`tests/custody/test_under_approval.py` tries the ways round it, and `tests/cli/test_approvals.py` the command line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.api.conftest import Door, Person, kek_body, opened, services_of, sign_in
from tests.api.problems import refused
from tests.certificates import own
from tests.custody.vouching import idp, vouched
from tests.security.doors import Answer, Console
from tests.security.forms_of_the_console import ISSUED
from tests.security.objects import nothing
from tests.security.standings import Session
from tests.security.the_table import Way

from keyferry.clock import SECOND
from keyferry.custody.approval_policy import USUAL
from keyferry.custody.issuer_facts import USUAL_ALGORITHMS, USUAL_LIFETIME, USUAL_SKEW
from keyferry.custody.policy import UNDER_APPROVAL, Covered
from keyferry.testing import ADDRESS, PASSWORD, Kek, Kit
from keyferry.web.app import create_console

HOUR = 3600 * SECOND
ALL = [each.value for each in Covered]
POLICY = {"operations": ALL, "needed": 1, "approvers": ["lee", "sam"]}
NEW_PASSWORD = "lantern-over-the-harbour-9"
KEK = Kek.make()
CARD = own("card").pem
METADATA = idp().configuration()["metadata"].encode()
#: what a form says beside what REST is asked for, so that it is another request
OF_MORE = {"certificate.issue", "identity-provider.edit"}


@dataclass(frozen=True)
class Place:
    """A group of which everything is covered, what was there before, and who asks and approves."""

    door: Door
    console: TestClient
    admin: Person
    kim: Person
    lee: Person
    keys: dict[str, str]
    issuer: str

    def at_the_console(self, person: Person, name: str, form: Any) -> Answer:
        """What a form comes to that this person sends."""
        kit = self.door.kit
        caller = kit.installation.authenticator.authenticate(person.token, ADDRESS)
        return Console(self.console, {name: Way("", nothing, form)}).ask(Session(caller, person.token), name, "")

    def pending(self, operation: str, person: Person) -> set[str]:
        """The requests for it that wait."""
        kit = self.door.kit
        return {
            each.request.id
            for each in kit.custody.approvals.list(kit.administrator, size=200).items
            if (each.request.operation, each.state, each.request.requester_id) == (operation, "pending", person.id)
        }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    kit = Kit.make(tmp_path_factory.mktemp("under-approval") / "home")
    with opened(kit) as door, TestClient(create_console(services_of(kit))) as console:
        yield _place(door, console, kit)
    kit.close()


def _place(door: Door, console: TestClient, kit: Kit) -> Place:
    admin = sign_in(door.client, "first-admin")
    for group in ("payments", "elsewhere", "empty"):
        assert admin("POST", "/groups", {"id": group}).status_code == 201
    people = {"kim": ["payments", "elsewhere"], "lee": [], "sam": [], "outside": [], "asleep": ["payments"]}
    for name, groups in people.items():
        new = {"name": name, "role": "key-access-user", "groups": groups, "password": PASSWORD}
        assert admin("POST", "/users", new).status_code == 201
    admin("POST", "/users/asleep/disable")
    invited = {"name": "invited", "role": "key-access-user", "groups": ["payments"]}
    assert admin("POST", "/users", invited).status_code == 201
    kit.set_up_app(kit.user("factored", groups=("payments",)))
    vouched(kit, "entra")
    vouched(kit, "okta", enabled=False)
    issuer = {"name": "pipelines", "issuer": "https://login.microsoftonline.com/x", "audience": "keyferry"}
    made = admin("POST", "/trusted-issuers", issuer)
    assert made.status_code == 201, made.text
    kim, lee = sign_in(door.client, "kim"), sign_in(door.client, "lee")
    new_key = partial(kim, "POST", "/keys")
    keys = {
        name: new_key({"type": "ec-p256", "name": name, "group": "payments", "activated": name != "doomed"}).json()[
            "id"
        ]
        for name in ("leaving", "batched", "doomed", "lost", "given", "edited")
    }
    strict = {"second_factor_roles": ["auditor"]}
    assert admin("PATCH", "/server-policy", strict).status_code == 200
    assert admin("PATCH", "/users/factored", {"networks": ["10.0.0.0/8"]}).status_code == 200
    for group in ("payments", "empty"):
        assert admin("PATCH", f"/groups/{group}", {"approvals": POLICY}).status_code == 200
    return Place(door, console, admin, kim, lee, keys, made.json()["id"])


def _forms(place: Place) -> dict[str, tuple[str, Any]]:
    """By the operation, which form of the console asks for the same as `_requests` do."""
    keys, own_password = place.keys, {"password": NEW_PASSWORD, "password_again": NEW_PASSWORD}
    kek = {"key_identifier": KEK.identifier, "public_key": KEK.public_pem}
    policy = {"approvals_needed": "1", "approvals_approvers": "lee\nsam", "approvals_lifetime": str(USUAL // HOUR)}
    account = "POST /users/factored"
    issuer = {"audience": "elsewhere", "source": "discovery", "algorithms": list(USUAL_ALGORITHMS)}
    times = {"longest_lifetime": str(USUAL_LIFETIME // SECOND), "clock_skew": str(USUAL_SKEW // SECOND)}
    return {
        "key.export": (f"POST /keys/{keys['leaving']}/export", kek),
        "key.destroy": (f"POST /keys/{keys['doomed']}/destroy", {"typed": "doomed"}),
        "key.revoke": (f"POST /keys/{keys['lost']}/revoke", {"typed": "lost", "reason": "key-compromise"}),
        "key.reassign": (f"POST /keys/{keys['given']}/reassign", {"group": "elsewhere"}),
        "key.edit": (
            f"POST /keys/{keys['edited']}/edit",
            {"name": "edited", "approvals_operations": "export", **policy},
        ),
        "group.edit": ("POST /groups/payments/edit", {"kek_policy": "any", "approvals_operations": ALL, **policy}),
        "group.delete": ("POST /groups/empty/delete", {"typed": "empty"}),
        "user.create": (
            "POST /users/new",
            {"name": "new", "role": "key-access-user", "groups": "payments", **own_password},
        ),
        "user.edit": ("POST /users/outside/edit", {"role": "key-access-user", "groups": "payments"}),
        "user.enable": ("POST /users/asleep/enable", {}),
        "user.invite": ("POST /users/invited/invitation", {}),
        "user.password": ("POST /users/sam/password", own_password),
        "certificate.issue": (f"{account}/certificates/new", {**ISSUED, "certificate_name": "laptop"}),
        "certificate.upload": (
            f"{account}/certificates/new",
            {"certificate": "upload", "certificate_name": "card", "certificate_file": CARD},
        ),
        "factor.reset": (f"{account}/factors", {}),
        "identity.bind": (f"{account}/identities/new", {"identity_provider": "entra", "identity_subject": "s-1"}),
        "identity-provider.enable": ("POST /settings/sso/okta/enable", {"untested": "on"}),
        "identity-provider.edit": (
            "POST /settings/sso/entra/edit",
            {"map_user_name": "mail", "asks_second_factor": "on", "metadata": METADATA, "untested": "on"},
        ),
        "trusted-issuer.edit": ("POST /settings/workloads/issuers/pipelines/edit", {**issuer, **times}),
        "workload.create": (
            "POST /settings/workloads/new",
            {"name": "deploy", "issuer": "pipelines", "subject": "main", "user": "kim"},
        ),
        "kek.register": ("POST /settings/keks/register", {**kek, "key_identifier": KEK.identifier[:-1] + "7"}),
        "server-policy.edit": ("POST /settings/networks", {}),
    }


def _requests(place: Place) -> dict[str, tuple[Person, str, str, Any]]:
    """By the operation and what of it, who sends which request."""
    keys, admin, kim = place.keys, place.admin, place.kim
    member = {"name": "new", "role": "key-access-user", "groups": ["payments"], "password": NEW_PASSWORD}
    certificate = {"name": "laptop", "format": "pem"}
    return {
        "key.export": (kim, "POST", f"/keys/{keys['leaving']}/exports", kek_body(KEK)),
        "key.destroy": (kim, "POST", f"/keys/{keys['doomed']}/destroy", {}),
        "key.revoke": (kim, "POST", f"/keys/{keys['lost']}/revoke", {"reason": "key-compromise"}),
        "key.reassign": (kim, "POST", f"/keys/{keys['given']}/reassign", {"group": "elsewhere"}),
        "key.edit": (kim, "PATCH", f"/keys/{keys['edited']}", {"approvals": {**POLICY, "operations": ["export"]}}),
        "group.edit": (admin, "PATCH", "/groups/payments", {"kek_policy": "any"}),
        "group.delete": (admin, "DELETE", "/groups/empty", None),
        "user.create": (admin, "POST", "/users", member),
        "user.edit": (admin, "PATCH", "/users/outside", {"groups": ["payments"]}),
        "server-policy.edit": (admin, "PATCH", "/server-policy", {"second_factor_roles": []}),
        "user.enable": (admin, "POST", "/users/asleep/enable", None),
        "user.invite": (admin, "POST", "/users/invited/invitation", None),
        "user.password": (admin, "PUT", "/users/sam/password", {"password": NEW_PASSWORD}),
        "certificate.issue": (admin, "POST", "/users/factored/certificates", certificate),
        "certificate.upload": (
            admin,
            "POST",
            "/users/factored/certificates",
            {"name": "card", "certificate": CARD.decode()},
        ),
        "factor.reset": (admin, "POST", "/users/factored/reset-factors", None),
        "identity.bind": (admin, "POST", "/users/factored/identities", {"provider": "entra", "subject": "s-1"}),
        "identity-provider.enable": (admin, "POST", "/identity-providers/okta/enable", {"untested": True}),
        "identity-provider.edit": (admin, "PATCH", "/identity-providers/entra", {"asks_second_factor": True}),
        "trusted-issuer.edit": (admin, "PATCH", f"/trusted-issuers/{place.issuer}", {"audience": "elsewhere"}),
        "workload.create": (
            admin,
            "POST",
            "/workloads",
            {"name": "deploy", "issuer": "pipelines", "subject": "main", "user": "kim"},
        ),
        "kek.register": (admin, "POST", "/keks", {**kek_body(KEK), "key_identifier": KEK.identifier[:-1] + "7"}),
    }


OPERATIONS = sorted(each.value for each in UNDER_APPROVAL)


def test_every_operation_has_its_route_and_its_form(place: Place) -> None:
    assert sorted(_requests(place)) == sorted(_forms(place)) == OPERATIONS


@pytest.mark.parametrize("operation", OPERATIONS)
def test_it_is_refused_and_done_once_it_is_approved(place: Place, operation: str) -> None:
    person, method, path, body = _requests(place)[operation]
    name, form = _forms(place)[operation]
    assert place.at_the_console(person, name, form).code == "409"
    (filed,) = place.pending(operation, person)
    answer = person(method, path, body)
    refused(answer, 409, "approval-required")
    request = answer.json()["approval_request"]
    assert (request == filed) == (operation not in OF_MORE)
    assert place.at_the_console(person, name, form).code == "409"
    assert place.pending(operation, person) == {filed, request}
    shown = place.lee("GET", f"/approval-requests/{request}").json()
    assert (shown["operation"], shown["requester"], shown["state"]) == (operation, person.name, "pending")
    assert shown["facts"]
    assert NEW_PASSWORD not in place.lee("GET", f"/approval-requests/{request}").text
    refused(person("POST", f"/approval-requests/{request}/approvals", {}), 403, "not-permitted")
    assert place.lee("POST", f"/approval-requests/{request}/approvals", {}).json()["state"] == "approved"
    done = person(method, path, body)
    assert done.status_code in {200, 201, 204}, done.text
    assert place.lee("GET", f"/approval-requests/{request}").json()["state"] == "used"


def test_further_networks_of_an_account_wait_and_fewer_do_not(place: Place) -> None:
    admin, account = place.admin, "/users/factored"
    answer = admin("PATCH", account, {"networks": None})
    refused(answer, 409, "approval-required")
    request = answer.json()["approval_request"]
    shown = place.lee("GET", f"/approval-requests/{request}").json()
    assert (shown["operation"], shown["covered_as"]) == ("user.edit", "account-networks")
    assert (shown["facts"]["networks_before"], shown["facts"]["networks_after"]) == (["10.0.0.0/8"], "any")
    assert place.lee("POST", f"/approval-requests/{request}/approvals", {}).json()["state"] == "approved"
    assert admin("PATCH", account, {"networks": None}).json()["networks"] is None
    assert admin("PATCH", account, {"networks": []}).json()["networks"] == []
