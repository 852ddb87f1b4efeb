"""What to do about a refusal: the role or the permission that is missing, and the line that grants it."""

import shlex

import pytest

from keyferry.clouds.azure.answers import Answer, read_answer
from keyferry.clouds.azure.facts import KEY_PERMISSIONS
from keyferry.clouds.azure.failures import refused
from keyferry.clouds.azure.request import Request
from keyferry.errors import AnswerLost, KeyferryError, Overloaded

WHO = "0f0e0d0c-0b0a-4908-8706-050403020100"
CALLER = f"Caller: appid=11111111-1111-1111-1111-111111111111;oid={WHO};iss=https://sts.windows.net/"


def request(permission: str | None = "import", *, place: str = "contoso-kv.vault.azure.net", **more: object) -> Request:
    return Request(place=place, what="import the key tenant", key="tenant", permission=permission, **more)  # type: ignore[arg-type]  # as Request's fields


def told(status: int, inner: str = "", message: str = CALLER, code: str = "Forbidden", **more: object) -> KeyferryError:
    document = {"error": {"code": code, "message": message, "innererror": {"code": inner}}}
    return refused(read_answer(status, {}, document), request(**more))  # type: ignore[arg-type]  # as request's arguments


def test_a_missing_role_is_named_with_the_line_that_assigns_it() -> None:
    error = told(403, "ForbiddenByRbac")
    assert (error.code, error.field) == ("azure-forbidden", None)
    line = error.advice[error.advice.index("az ") : error.advice.index(" It takes effect")]
    words = shlex.split(line)
    assert words[:4] == ["az", "role", "assignment", "create"]
    assert words[words.index("--assignee") + 1] == WHO
    assert words[words.index("--role") + 1] == "Key Vault Crypto Officer"
    assert "contoso-kv" in line


@pytest.mark.parametrize("permission", KEY_PERMISSIONS)
def test_no_more_than_the_permission_needs_is_advised(permission: str) -> None:
    advice = told(403, "ForbiddenByRbac", permission=permission).advice
    least = {"get": "Reader", "list": "Reader"} | dict.fromkeys(
        ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey", "backup"), "Crypto User"
    )
    assert f"--role 'Key Vault {least.get(permission, 'Crypto Officer')}'" in advice


@pytest.mark.parametrize("inner", ["ForbiddenByPolicy", "AccessDenied"])
def test_a_missing_permission_is_named_with_the_line_that_grants_it(inner: str) -> None:
    advice = told(403, inner).advice
    assert f"az keyvault set-policy --name contoso-kv --object-id {WHO} --key-permissions import" in advice


def test_whom_the_service_does_not_name_has_a_place_in_the_line() -> None:
    assert "--assignee OBJECT-ID" in told(403, "ForbiddenByRbac", message="").advice


def test_the_firewall_is_told_which_address_to_let_in() -> None:
    message = "Client address is not authorized.\r\nClient address: 192.0.2.7\r\nVault: contoso-kv"
    advice = told(403, "ForbiddenByFirewall", message=message).advice
    assert "az keyvault network-rule add --name contoso-kv --ip-address 192.0.2.7" in advice


def test_a_plain_403_names_both_ways() -> None:
    advice = told(403).advice
    assert "--role 'Key Vault Crypto Officer'" in advice
    assert "az keyvault set-policy" in advice


def test_operations_and_dates_of_a_key() -> None:
    assert "--ops" in told(403, "KeyOperationForbidden").advice
    assert "--expires" in told(403, "KeyNotYetValidOrExpired").advice


def test_a_disabled_key_is_the_kek_where_something_is_imported() -> None:
    assert told(403, "KeyDisabled").code == "kek-disabled"
    other = told(403, "KeyDisabled", permission="sign")
    assert other.code == "azure-key-disabled"
    assert "--vault-name contoso-kv --name tenant --enabled true" in other.advice


def test_a_deleted_name_can_be_recovered_or_purged() -> None:
    error = told(409, "ObjectIsDeletedButRecoverable", code="Conflict")
    assert error.code == "azure-name-deleted"
    assert "az keyvault key recover --vault-name contoso-kv --name tenant" in error.advice
    assert "az keyvault key purge" in error.advice
    assert "Wait" in told(409, "ObjectIsBeingDeleted", code="Conflict").advice


def test_what_is_not_there_can_be_listed() -> None:
    error = told(404, code="KeyNotFound")
    assert error.code == "azure-not-found"
    assert "az keyvault key list --vault-name contoso-kv" in error.advice
    nowhere = refused(Answer(status=404), Request(place="management.azure.com", what="show the vault"))
    assert "az resource list" in nowhere.advice


def test_a_managed_hsm_has_roles_of_its_own() -> None:
    place = "contoso.managedhsm.azure.net"
    advice = told(403, "ForbiddenByRbac", place=place).advice
    assert "az keyvault role assignment create --hsm-name contoso --role 'Managed HSM Crypto Officer'" in advice
    assert (
        "--hsm-name contoso --name tenant"
        in told(404, place=place, code="KeyNotFound", permission="get").detail
        + told(403, "KeyOperationForbidden", place=place).advice
    )


@pytest.mark.parametrize(
    ("action", "role"),
    [
        ("Microsoft.KeyVault/vaults/write", "Key Vault Contributor"),
        ("Microsoft.KeyVault/vaults/read", "Reader"),
        ("Microsoft.Authorization/roleAssignments/write", "Role Based Access Control Administrator"),
        ("Microsoft.Resources/subscriptions/resourceGroups/write", "Contributor"),
    ],
)
def test_the_management_plane_names_the_action(action: str, role: str) -> None:
    message = (
        f"The client 'a' with object id '{WHO}' does not have authorization to perform action '{action}' over scope "
        "'/subscriptions/s'."
    )
    answer = read_answer(403, {}, {"error": {"code": "AuthorizationFailed", "message": message}})
    advice = refused(answer, Request(place="management.azure.com", what="make the vault")).advice
    assert f"--assignee {WHO} --role '{role}'" in advice


def test_throttling_carries_how_long_to_wait() -> None:
    error = refused(Answer(status=429, code="TooManyRequests", retry_after=17), request())
    assert isinstance(error, Overloaded)
    assert (error.code, error.retry_after) == ("azure-throttled", 17)
    assert "17 seconds" in error.advice
    unsaid = refused(Answer(status=429), request())
    assert isinstance(unsaid, Overloaded)
    assert unsaid.retry_after > 0


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_nobody_can_tell_whether_a_change_was_made(status: int) -> None:
    error = refused(Answer(status=status), request(changes=True))
    assert isinstance(error, AnswerLost)
    assert "az keyvault key list-versions --vault-name contoso-kv --name tenant" in error.advice
    assert refused(Answer(status=status), request()).code == "azure-unavailable"


def test_a_service_that_is_closed_has_changed_nothing() -> None:
    error = refused(Answer(status=503, retry_after=5), request(changes=True))
    assert error.code == "azure-unavailable"
    assert "5 seconds" in error.advice


def test_a_token_that_is_not_taken_is_a_failed_sign_in() -> None:
    error = refused(Answer(status=401, code="Unauthorized", message="AKV10022: Invalid audience."), request())
    assert error.code == "azure-sign-in-failed"
    assert "AKV10022" in error.detail
    assert "contoso-kv.vault.azure.net" in error.detail


def test_other_refusals_are_quoted() -> None:
    error = refused(Answer(status=400, code="BadParameter", message="Property has invalid value"), request())
    assert error.code == "azure-refused"
    assert "import the key tenant" in error.detail
    assert "Property has invalid value" in error.detail
    assert error.advice
