"""A pair of vault keys, and the onboarding request about them, to be broken in one way at a time."""

import copy
import uuid
from dataclasses import dataclass, field
from typing import Any, Self

import httpx2
from tests.emulator.calling import Application, unique, vault_body

from keyferry.emulator.server import Running

PATH = "/emulator/customer-key/onboarding-requests"
SERVICE_USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
APPLICATIONS = {
    "MDEP": "c066d759-24ae-40e7-a56f-027002b5d3e4",
    "EXO": "00000002-0000-0ff1-ce00-000000000000",
    "SPO": "00000003-0000-0ff1-ce00-000000000000",
}


def contacts(tenant_id: str) -> dict[str, Any]:
    return {
        "organization": "Contoso Ltd",
        "tenant_id": tenant_id,
        "tenant_domain": "contoso.onmicrosoft.com",
        "primary_contact": {"name": "Kim", "email": "kim@contoso.com", "phone": "+44 20 7946 0000", "title": "CISO"},
        "authorized_officers": [{"name": "Sam", "email": "sam@contoso.com", "phone": "+44 20 7946 0001"}],
    }


def object_id(served: Running, app_id: str) -> str:
    found = served.emulator.directory.by_app_id(app_id)
    assert found is not None
    return found.object_id


def assign(operator: Application, scope: str, principal: str, role: str) -> str:
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    body = {"properties": {"principalId": principal, "roleDefinitionId": role}}
    answer = operator.send("PUT", path, body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@dataclass
class Pair:
    operator: Application
    vaults: list[str]
    names: list[str]
    groups: list[str]
    body: dict[str, Any]
    grants: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, operator: Application) -> Self:
        served = operator.served
        subscriptions, groups = served.subscriptions, ("keyferry-a", "keyferry-b")
        scopes = [f"/subscriptions/{s}/resourceGroups/{g}" for s, g in zip(subscriptions, groups, strict=True)]
        pair = cls(operator, [], [], scopes, {})
        for scope in scopes:
            pair.add_vault(scope, enablePurgeProtection=True)
        kids = [pair.add_key(name) for name in pair.names]
        pair.body = {
            "OrganizationId": served.tenant_id,
            "Scenario": "MDEP",
            "Subscription1": subscriptions[0],
            "KeyIdentifier1": kids[0],
            "Subscription2": subscriptions[1],
            "KeyIdentifier2": kids[1],
            "OnboardingMode": "Validate",
            "Contacts": contacts(served.tenant_id),
        }
        pair.grant("MDEP")
        return pair

    def add_vault(self, group: str, **properties: Any) -> str:
        name = unique("ck")
        path = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
        answer = self.operator.send("PUT", path, vault_body(self.operator.served, **properties))
        assert answer.status_code == 200, answer.text
        self.names.append(name)
        self.vaults.append(answer.json()["id"])
        return name

    def add_key(self, vault: str, name: str = "root", **others: Any) -> str:
        body = {"kty": "RSA-HSM", "key_size": 2048, "key_ops": ["wrapKey", "unwrapKey"], **others}
        answer = self.operator.key("POST", vault, f"/keys/{name}/create", body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["key"]["kid"])

    def change_key(self, **body: Any) -> None:
        """Change the first key."""
        answer = self.operator.key("PATCH", self.names[0], "/keys/root", body)
        assert answer.status_code == 200, answer.text

    def grant(self, scenario: str) -> None:
        principal = object_id(self.operator.served, APPLICATIONS[scenario])
        self.grants += [assign(self.operator, vault, principal, SERVICE_USER) for vault in self.vaults]

    def use_key(self, vault: str, **others: Any) -> None:
        """Put another key in the first one's place, in a vault of the first subscription."""
        self.body["KeyIdentifier1"] = self.add_key(vault, unique("k"), **others)

    def send(self, mode: str = "Validate", by: Application | None = None, **members: Any) -> httpx2.Response:
        body = {**copy.deepcopy(self.body), "OnboardingMode": mode, **members}
        return (by or self.operator).send("POST", PATH, body, version=None)

    def shown(self, request_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.operator.send("GET", f"{PATH}/{request_id}", version=None).json()
        return found


def failed(answer: httpx2.Response) -> set[str]:
    """What failed, by name."""
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert found["ValidationResult"] == ("Failed" if found["FailedValidations"] else "Success")
    for each in found["FailedValidations"]:
        assert each["Detail"]
        assert each["Remedy"]
        assert each["Subject"]
    return {each["Validation"] for each in found["FailedValidations"]}
