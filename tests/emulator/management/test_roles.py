"""Roles: assigned at a scope, inherited downwards, made to measure, and never by whoever may not."""

import uuid
from typing import Any

import pytest
from tests.emulator.calling import Application, error_of, unique

from keyferry.emulator.management.roles import BUILT_IN

PROVIDER = "providers/Microsoft.Authorization"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
OFFICER = "14b46e9e-c2b7-41b4-b07b-48a6ebf60603"
SERVICE_USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"


def body(principal: str, role: str, **others: Any) -> dict[str, Any]:
    role_id = f"/{PROVIDER}/roleDefinitions/{role}"
    return {"properties": {"principalId": principal, "roleDefinitionId": role_id, **others}}


def assign(by: Application, scope: str, principal: str, role: str, **others: Any) -> Any:
    return by.send("PUT", f"{scope}/{PROVIDER}/roleAssignments/{uuid.uuid4()}", body(principal, role, **others))


# assignments


def test_an_assignment_is_made_shown_and_taken_away(operator: Application, stranger: Application, vault: str) -> None:
    made = assign(operator, vault, stranger.principal.object_id, READER, description="To look at it")
    assert made.status_code == 201
    shown = made.json()
    properties = shown["properties"]
    assert properties["scope"] == vault
    assert properties["principalType"] == "ServicePrincipal"
    assert properties["roleDefinitionId"].endswith(f"/{PROVIDER}/roleDefinitions/{READER}")
    assert properties["createdBy"] == operator.principal.object_id
    assert properties["description"] == "To look at it"
    assert operator.send("GET", shown["id"]).json() == shown
    assert operator.send("DELETE", shown["id"]).json() == shown
    assert operator.send("DELETE", shown["id"]).status_code == 204
    assert error_of(operator.send("GET", shown["id"]))[:2] == (404, "RoleAssignmentNotFound")


def test_the_same_role_is_not_assigned_twice(operator: Application, stranger: Application, vault: str) -> None:
    first = assign(operator, vault, stranger.principal.object_id, READER).json()
    status, code, message = error_of(assign(operator, vault, stranger.principal.object_id, READER))
    assert (status, code) == (409, "RoleAssignmentExists")
    assert first["name"].replace("-", "") in message


def test_an_assignment_can_be_described_anew_and_nothing_else_of_it_changes(
    operator: Application, stranger: Application, vault: str
) -> None:
    me = stranger.principal.object_id
    made = assign(operator, vault, me, READER).json()
    again = operator.send("PUT", made["id"], body(me, READER, description="Anew"))
    assert again.status_code == 200
    assert again.json()["properties"]["description"] == "Anew"
    other = operator.send("PUT", made["id"], body(me, OFFICER))
    assert error_of(other)[:2] == (400, "RoleAssignmentUpdateNotPermitted")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"principalId": None}, "InvalidRequestContent"),
        ({"principalId": "me"}, "InvalidPrincipalId"),
        ({"principalId": "66666666-6666-6666-6666-666666666666"}, "PrincipalNotFound"),
        ({"roleDefinitionId": None}, "InvalidRequestContent"),
        ({"roleDefinitionId": "77777777-7777-7777-7777-777777777777"}, "RoleDefinitionDoesNotExist"),
        ({"principalType": "Robot"}, "InvalidPrincipalType"),
        ({"condition": "true", "conditionVersion": "2.0"}, "UnsupportedRoleAssignmentCondition"),
    ],
)
def test_each_thing_that_is_wrong_with_an_assignment_is_refused(
    operator: Application, stranger: Application, vault: str, changed: dict[str, Any], code: str
) -> None:
    given = {"principalId": stranger.principal.object_id, "roleDefinitionId": READER, **changed}
    path = f"{vault}/{PROVIDER}/roleAssignments/{uuid.uuid4()}"
    assert error_of(operator.send("PUT", path, {"properties": given}))[:2] == (400, code)
    assert error_of(operator.send("GET", path))[0] == 404


@pytest.mark.parametrize("given", [{}, {"properties": None}, {"properties": 5}, {"properties": []}])
def test_an_assignment_without_properties_is_refused(operator: Application, vault: str, given: dict[str, Any]) -> None:
    answer = operator.send("PUT", f"{vault}/{PROVIDER}/roleAssignments/{uuid.uuid4()}", given)
    assert error_of(answer)[:2] == (400, "InvalidRequestContent")


def test_an_assignments_name_is_a_guid(operator: Application, stranger: Application, vault: str) -> None:
    path = f"{vault}/{PROVIDER}/roleAssignments/mine"
    answer = operator.send("PUT", path, body(stranger.principal.object_id, READER))
    assert error_of(answer)[:2] == (400, "InvalidRoleAssignmentId")


def test_a_person_whom_the_directory_does_not_show_is_assigned_to_by_type(operator: Application, vault: str) -> None:
    person = str(uuid.uuid4())
    made = assign(operator, vault, person, OFFICER, principalType="User").json()
    assert made["properties"]["principalType"] == "User"
    assert made["properties"]["principalId"] == person


def test_a_scope_must_be_there(operator: Application, stranger: Application, group: str) -> None:
    me = stranger.principal.object_id
    nowhere = f"{group}/providers/Microsoft.KeyVault/vaults/nowhere"
    assert error_of(assign(operator, nowhere, me, READER))[:2] == (404, "ResourceNotFound")
    assert error_of(assign(operator, f"{group}-not", me, READER))[:2] == (404, "ResourceGroupNotFound")
    for strange in (f"{group}/providers/Microsoft.Storage/storageAccounts/x", f"{group}/x", f"{group}/x/y/z"):
        assert error_of(assign(operator, strange, me, READER))[:2] == (404, "ResourceNotFound")
    nobody = "/subscriptions/33333333-3333-3333-3333-333333333333"
    assert error_of(assign(operator, nobody, me, READER))[:2] == (404, "SubscriptionNotFound")
    assert error_of(assign(operator, "", me, READER))[:2] == (403, "AuthorizationFailed")


def test_lists_look_up_and_down_from_a_scope(
    operator: Application, stranger: Application, subscription: str, group: str, vault: str
) -> None:
    me = stranger.principal.object_id
    at_vault, at_group = assign(operator, vault, me, READER).json(), assign(operator, group, me, OFFICER).json()

    def seen(scope: str, **query: str) -> set[str]:
        answer = operator.send("GET", f"{scope}/{PROVIDER}/roleAssignments", **query)
        return {each["id"] for each in answer.json()["value"]}

    mine = {at_vault["id"], at_group["id"]}
    assert seen(subscription, filter_=f"principalId eq '{me}'") == mine
    assert seen(vault, filter_=f"assignedTo('{me.upper()}')") == mine
    assert seen(group, filter_=f"atScope() and assignedTo('{me}')") == {at_group["id"]}
    assert seen(group) >= mine
    inherited = seen(vault, filter_="atScope()") - mine
    assert inherited
    assert all(each.startswith(f"{subscription}/{PROVIDER}/") for each in inherited)
    answer = operator.send("GET", f"{vault}/{PROVIDER}/roleAssignments", filter_="createdBy eq 'x'")
    assert error_of(answer)[:2] == (400, "InvalidFilterInQueryString")


def test_only_who_may_assign_roles_assigns_them(operator: Application, stranger: Application, group: str) -> None:
    me = stranger.principal.object_id
    assert error_of(assign(stranger, group, me, OWNER))[:2] == (403, "AuthorizationFailed")
    assign(operator, group, me, CONTRIBUTOR)
    status, code, message = error_of(assign(stranger, group, me, OWNER))
    assert (status, code) == (403, "AuthorizationFailed")
    assert "Microsoft.Authorization/roleAssignments/write" in message
    assert me in message
    assign(operator, group, me, USER_ACCESS_ADMINISTRATOR)
    assert assign(stranger, group, me, OWNER).status_code == 201


# definitions


def test_the_built_in_roles_have_their_documented_ids(operator: Application, subscription: str) -> None:
    answer = operator.send("GET", f"{subscription}/{PROVIDER}/roleDefinitions", filter_="type eq 'BuiltInRole'")
    found = {each["name"]: each["properties"] for each in answer.json()["value"]}
    assert {role_id: each["roleName"] for role_id, each in found.items()} == {
        OWNER: "Owner",
        CONTRIBUTOR: "Contributor",
        READER: "Reader",
        USER_ACCESS_ADMINISTRATOR: "User Access Administrator",
        "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
        OFFICER: "Key Vault Crypto Officer",
        "12338af0-0e69-4776-bea7-57ae8d297424": "Key Vault Crypto User",
        SERVICE_USER: "Key Vault Crypto Service Encryption User",
        "21090545-7ca7-4776-b22c-e363652d74d2": "Key Vault Reader",
        "f25e0fa2-a7c8-4377-a976-54943a77a395": "Key Vault Contributor",
    }
    (permissions,) = found[SERVICE_USER]["permissions"]
    assert permissions["dataActions"] == [
        "Microsoft.KeyVault/vaults/keys/read",
        "Microsoft.KeyVault/vaults/keys/wrap/action",
        "Microsoft.KeyVault/vaults/keys/unwrap/action",
    ]


def test_a_role_is_found_by_its_name_and_by_its_id(operator: Application, stranger: Application, vault: str) -> None:
    path = f"{vault}/{PROVIDER}/roleDefinitions"
    (found,) = operator.send("GET", path, filter_="roleName eq 'Key Vault Crypto Officer'").json()["value"]
    assert found["name"] == OFFICER
    assert operator.send("GET", found["id"]).json() == found
    at_root = stranger.send("GET", f"/{PROVIDER}/roleDefinitions/{OFFICER}").json()
    assert at_root["properties"] == found["properties"]
    unknown = operator.send("GET", f"{path}/{uuid.uuid4()}")
    assert error_of(unknown)[:2] == (404, "RoleDefinitionDoesNotExist")


def custom(name: str, scope: str, **changed: Any) -> dict[str, Any]:
    permissions = [{"actions": [], "dataActions": ["Microsoft.KeyVault/vaults/keys/read"]}]
    given = {"roleName": name, "type": "CustomRole", "permissions": permissions, "assignableScopes": [scope], **changed}
    return {"properties": given}


def test_a_custom_role_allows_what_it_says_where_it_may_be_assigned(
    operator: Application, stranger: Application, subscription: str, group: str, vault: str
) -> None:
    name, role_id = unique("Sees keys"), str(uuid.uuid4())
    path = f"{group}/{PROVIDER}/roleDefinitions/{role_id}"
    made = operator.send("PUT", path, custom(name, group))
    assert made.status_code == 201
    assert made.json()["properties"]["type"] == "CustomRole"
    listed = operator.send("GET", f"{vault}/{PROVIDER}/roleDefinitions", filter_="type eq 'CustomRole'").json()["value"]
    assert [each["name"] for each in listed] == [role_id]
    above = assign(operator, subscription, stranger.principal.object_id, role_id)
    assert error_of(above)[:2] == (400, "RoleDefinitionNotAssignable")
    vault_name = vault.rpartition("/")[2]
    assert stranger.key("GET", vault_name, "/keys").status_code == 403
    assignment = assign(operator, vault, stranger.principal.object_id, role_id)
    assert stranger.key("GET", vault_name, "/keys").status_code == 200
    assert stranger.key("POST", vault_name, "/keys/k/create", {"kty": "RSA"}).status_code == 403
    assert error_of(operator.send("DELETE", path))[:2] == (400, "RoleDefinitionHasAssignments")
    wider = [{"dataActions": ["Microsoft.KeyVault/vaults/keys/*"], "notDataActions": ["*/purge/action"]}]
    operator.send("PUT", path, custom(name, group, permissions=wider))
    assert stranger.key("POST", vault_name, "/keys/k/create", {"kty": "RSA"}).status_code == 200
    stranger.key("DELETE", vault_name, "/keys/k")
    assert stranger.key("DELETE", vault_name, "/deletedkeys/k").status_code == 403
    operator.send("DELETE", assignment.json()["id"])
    assert operator.send("DELETE", path).status_code == 200
    assert operator.send("DELETE", path).status_code == 204


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"roleName": ""}, "roleName"),
        ({"type": "BuiltInRole"}, "CustomRole"),
        ({"assignableScopes": []}, "assignableScopes"),
        ({"assignableScopes": ["/subscriptions/33333333-3333-3333-3333-333333333333"]}, "the scope of the request"),
        ({"permissions": []}, "permissions"),
        ({"permissions": ["*"]}, "not an object"),
        ({"permissions": [{"actions": "*"}]}, "actions is not a list"),
    ],
)
def test_each_thing_that_is_wrong_with_a_custom_role_is_refused(
    operator: Application, group: str, changed: dict[str, Any], words: str
) -> None:
    path = f"{group}/{PROVIDER}/roleDefinitions/{uuid.uuid4()}"
    status, code, message = error_of(operator.send("PUT", path, custom(unique("role"), group, **changed)))
    assert (status, code) == (400, "RoleDefinitionInvalid")
    assert words in message


def test_a_custom_roles_id_and_name_are_its_own(operator: Application, group: str) -> None:
    path = f"{group}/{PROVIDER}/roleDefinitions"
    assert error_of(operator.send("PUT", f"{path}/mine", custom("x", group)))[:2] == (400, "InvalidRoleDefinitionId")
    built_in = operator.send("PUT", f"{path}/{READER}", custom("Reader", group))
    assert error_of(built_in)[:2] == (400, "RoleDefinitionIsBuiltIn")
    assert error_of(operator.send("DELETE", f"{path}/{READER}"))[:2] == (400, "RoleDefinitionIsBuiltIn")
    taken = operator.send("PUT", f"{path}/{uuid.uuid4()}", custom("owner", group))
    assert error_of(taken)[:2] == (409, "RoleDefinitionWithSameNameExists")


def test_a_custom_role_reaches_no_further_than_its_maker(
    operator: Application, stranger: Application, subscription: str, group: str
) -> None:
    assign(operator, group, stranger.principal.object_id, OWNER)
    both = custom(unique("role"), group, assignableScopes=[group, subscription])
    answer = stranger.send("PUT", f"{group}/{PROVIDER}/roleDefinitions/{uuid.uuid4()}", both)
    assert error_of(answer)[:2] == (403, "AuthorizationFailed")


def test_callers_are_told_what_they_may_do(operator: Application, stranger: Application, vault: str) -> None:
    path = f"{vault}/{PROVIDER}/permissions"
    assert stranger.send("GET", path).json()["value"] == []
    assign(operator, vault, stranger.principal.object_id, READER)
    assert [each["actions"] for each in stranger.send("GET", path).json()["value"]] == [["*/read"]]
    assert operator.send("GET", f"{vault}/{PROVIDER}/denyAssignments").json()["value"] == []


def test_no_exception_of_a_role_is_lost_in_its_json() -> None:
    from keyferry.emulator.management.roles import Permissions

    for role in BUILT_IN.values():
        assert tuple(Permissions.from_json(each.as_json()) for each in role.permissions) == role.permissions
