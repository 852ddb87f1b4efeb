"""Microsoft Graph, as far as az asks it for service principals."""

from typing import Any

import httpx2
import pytest
from tests.emulator.calling import GRAPH, Application, error_of

from keyferry.emulator.directory import MICROSOFT_365


def ask(who: Application, method: str, path: str, body: Any = None, **query: str) -> httpx2.Response:
    return who.send(method, f"/v1.0{path}", body, audience=GRAPH, version=None, **query)


def test_an_application_is_nobody(operator: Application) -> None:
    status, _, message = error_of(ask(operator, "GET", "/me"))
    assert status == 400
    assert "delegated authentication flow" in message


@pytest.mark.parametrize("app_id", MICROSOFT_365)
def test_the_service_principals_of_microsoft_365_are_found_by_their_applications(
    operator: Application, app_id: str
) -> None:
    (found,) = ask(operator, "GET", "/servicePrincipals", filter_=f"appId eq '{app_id}'").json()["value"]
    assert found["displayName"] == MICROSOFT_365[app_id]
    assert found["id"] != app_id
    by_name = ask(operator, "GET", "/servicePrincipals", filter_=f"servicePrincipalNames/any(c:c eq '{app_id}')")
    assert by_name.json()["value"] == [found]
    one = ask(operator, "GET", f"/servicePrincipals/{found['id']}").json()
    assert one == ask(operator, "GET", f"/servicePrincipals(appId='{app_id}')").json()
    assert one["appId"] == app_id


def test_every_service_principal_is_listed(operator: Application) -> None:
    found = {each["appId"] for each in ask(operator, "GET", "/servicePrincipals").json()["value"]}
    assert found >= {*MICROSOFT_365, operator.client_id}


def test_applications_are_the_tenants_own(operator: Application) -> None:
    found = {each["appId"] for each in ask(operator, "GET", "/applications").json()["value"]}
    assert operator.client_id in found
    assert not found & set(MICROSOFT_365)
    other = next(iter(MICROSOFT_365))
    assert ask(operator, "GET", "/applications", filter_=f"appId eq '{other}'").json()["value"] == []


def test_what_is_not_there_is_not_found(operator: Application) -> None:
    nobody = "88888888-8888-8888-8888-888888888888"
    assert error_of(ask(operator, "GET", f"/servicePrincipals/{nobody}"))[:2] == (404, "Request_ResourceNotFound")
    assert ask(operator, "GET", "/users", filter_="userPrincipalName eq 'kim@contoso.com'").json()["value"] == []
    assert ask(operator, "GET", "/groups").json()["value"] == []
    assert error_of(ask(operator, "GET", "/servicePrincipals", filter_="tags eq 'x'"))[0] == 400


def test_a_service_principal_that_is_there_is_not_added_again(operator: Application) -> None:
    app_id = next(iter(MICROSOFT_365))
    again = ask(operator, "POST", "/servicePrincipals", {"appId": app_id})
    assert error_of(again)[:2] == (409, "Request_MultipleObjectsWithSameKeyValue")
    unknown = ask(operator, "POST", "/servicePrincipals", {"appId": "88888888-8888-8888-8888-888888888888"})
    assert error_of(unknown)[:2] == (400, "Request_BadRequest")


def test_objects_are_looked_up_by_their_ids(operator: Application) -> None:
    me = operator.principal.object_id
    asked = {"ids": [me, "88888888-8888-8888-8888-888888888888", me], "types": ["user", "group", "servicePrincipal"]}
    (found,) = ask(operator, "POST", "/directoryObjects/getByIds", asked).json()["value"]
    assert found["@odata.type"] == "#microsoft.graph.servicePrincipal"
    assert found["servicePrincipalNames"] == [operator.client_id]
    people = {"ids": [me], "types": ["user"]}
    assert ask(operator, "POST", "/directoryObjects/getByIds", people).json()["value"] == []
    assert error_of(ask(operator, "POST", "/directoryObjects/getByIds", {"ids": me}))[0] == 400


def test_graph_takes_no_token_for_the_management_plane(operator: Application) -> None:
    answer = operator.send("GET", "/v1.0/servicePrincipals", version=None)
    assert answer.status_code == 401
