"""A Customer Key request that the server checks, through the connections that brought its keys to their vaults."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from tests.custody.pushing import CONTACTS
from tests.custody.refusing import refused
from tests.deployments.conftest import connect

from keyferry.cli.azure_sign_in import SignIn
from keyferry.clouds.azure.management import AzureManagement
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.custody.caller import Caller
from keyferry.custody.customer_key_requests import NewRequest
from keyferry.custody.customer_key_shapes import RequestedKey
from keyferry.custody.customer_key_states import RequestState
from keyferry.custody.deployment_rules import NewDeployment
from keyferry.customer_key.workloads import ONBOARDING_APPLICATION, VAULT_ROLE, WORKLOADS
from keyferry.deployments.server_push import Pushes
from keyferry.emulator.server import Running
from keyferry.testing import Kit

M365 = WORKLOADS["multi-workload"]


@dataclass(frozen=True)
class Azure:
    """Two vaults in two subscriptions that Microsoft 365 may use, and whom the checks ask about."""

    vaults: tuple[str, str]
    subscriptions: tuple[str, str]
    principals: Mapping[str, str]


@pytest.fixture(scope="module")
def azure(emulator: Running) -> Azure:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in emulator.environment("proxy").items():
            environment.setenv(name, value)
        directory = emulator.emulator.directory
        found = {each: directory.by_app_id(each) for each in (M365.application_id, ONBOARDING_APPLICATION)}
        principals = {name: each.object_id for name, each in found.items() if each is not None}
        urls = [f"https://{each.name.lower()}.vault.azure.net" for each in emulator.vaults[:2]]
        with SignIn("public", None, None).session() as session:
            management = AzureManagement(session)
            configurations = [management.vault_configuration(url) for url in urls]
            for each in configurations:
                management.grant_role(each, principals[M365.application_id], VAULT_ROLE)
    subscriptions = [each.subscription_id for each in configurations]
    return Azure((urls[0], urls[1]), (subscriptions[0], subscriptions[1]), principals)


@pytest.fixture
def pushes(kit: Kit, outgoing: Outgoing) -> Pushes:
    return Pushes(kit.custody, outgoing)


@pytest.fixture
def request_id(kit: Kit, kim: Caller, emulator: Running, azure: Azure, pushes: Pushes) -> str:
    """A draft of two keys that the server has pushed and had backed up."""
    connect(kit, emulator, vaults=azure.vaults)
    deployments = []
    for vault in azure.vaults:
        name = f"ck-{secrets.token_hex(4)}"
        kit.key(kim, "rsa-2048", name, group="payments")
        new = NewDeployment(vault=vault, name=name, connection="production", operations=("unwrapKey", "wrapKey"))
        made = kit.custody.deployments.plan(kim, name, new).deployment.id
        pushes.run(kim, made)
        pushes.back_up(kim, made)
        deployments.append(made)
    return draft(kit, kim, emulator, azure, *deployments)


def draft(kit: Kit, kim: Caller, emulator: Running, azure: Azure, *deployments: str) -> str:
    keys = [
        RequestedKey(deployment=each, subscription_id=id_)
        for each, id_ in zip(deployments, azure.subscriptions, strict=True)
    ]
    new = NewRequest(
        organization_id=emulator.tenant_id, keys=(keys[0], keys[1]), contacts=CONTACTS, workloads=("multi-workload",)
    )
    return kit.custody.customer_key_requests.draft(kim, new).request.id


def test_a_pair_that_is_as_it_has_to_be_is_validated(
    kit: Kit, kim: Caller, azure: Azure, pushes: Pushes, request_id: str
) -> None:
    found = pushes.validate(kim, request_id, principals=azure.principals)
    lines = found.checks[-1]["lines"]
    assert [each for each in lines if each["weight"] == "required" and each["outcome"] != "passes"] == []
    assert found.state is RequestState.VALIDATED
    assert (found.checks[-1]["reported_by"], "vouched" in found.history[-1]) == ("server", False)
    assert len(lines) > 30

    without = pushes.validate(kim, request_id)  # Microsoft Graph shows nothing here
    unseen = [each for each in without.checks[-1]["lines"] if each["outcome"] == "cannot-be-seen"]
    assert unseen
    assert without.state is RequestState.DRAFT

    vouched = pushes.validate(kim, request_id, accept_unseen=True)
    assert vouched.state is RequestState.VALIDATED
    assert "they were vouched for" in vouched.history[-1]["note"]
    assert vouched.history[-1]["vouched"] is True

    with refused("not-found"):
        pushes.validate(kit.user("mallory", groups=("elsewhere",)), request_id)
    with refused("not-permitted"):
        pushes.validate(kit.administrator, request_id)


def test_keys_that_the_server_did_not_bring_are_left_to_others(
    kit: Kit, kim: Caller, emulator: Running, azure: Azure, pushes: Pushes
) -> None:
    connect(kit, emulator, vaults=azure.vaults)
    planned = []
    for number, connection in enumerate(("production", None)):
        kit.key(kim, "rsa-2048", f"left-{number}", group="payments")
        new = NewDeployment(vault=azure.vaults[number], name=f"left-{number}", connection=connection)
        planned.append(kit.custody.deployments.plan(kim, f"left-{number}", new).deployment.id)
    made = draft(kit, kim, emulator, azure, *planned)
    with refused("deployment-not-imported"):
        pushes.validate(kim, made)
    named = RequestedKey(identifier=f"{azure.vaults[0]}/keys/theirs", subscription_id=azure.subscriptions[0])
    other = RequestedKey(identifier=f"{azure.vaults[1]}/keys/theirs", subscription_id=azure.subscriptions[1])
    asked = NewRequest(
        organization_id=emulator.tenant_id, keys=(named, other), contacts=CONTACTS, workloads=("multi-workload",)
    )
    by_identifier = kit.custody.customer_key_requests.draft(kim, asked).request.id
    with refused("deployment-pushed-otherwise"):
        pushes.validate(kim, by_identifier)
    assert kit.custody.customer_key_requests.show(kim, by_identifier).checks == []
