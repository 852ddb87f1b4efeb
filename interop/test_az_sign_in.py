"""Who signs in with the unmodified Azure CLI, and who does not."""

import shutil
from pathlib import Path

import pytest
from interop.az import Az
from interop.scene import Scene


@pytest.fixture
def newcomer(scene: Scene, tmp_path: Path) -> Az:
    """`az` that knows the way, and is signed out."""
    config = tmp_path / "az"
    shutil.copytree(scene.az.environment["AZURE_CONFIG_DIR"], config)
    az = Az({**scene.az.environment, "AZURE_CONFIG_DIR": str(config)})
    az("logout")
    return az


def test_a_certificate_signs_in(scene: Scene, newcomer: Az) -> None:
    who = ("--username", scene.facts["client_id"], "--tenant", scene.facts["tenant_id"])
    newcomer("login", "--service-principal", *who, "--certificate", scene.facts["client_certificate_file"])
    assert newcomer("account", "show")["user"]["name"] == scene.facts["client_id"]
    assert isinstance(newcomer("keyvault", "key", "list", *scene.vault.itself()), list)


def test_a_wrong_secret_does_not(scene: Scene, newcomer: Az) -> None:
    who = ("--username", scene.facts["client_id"], "--tenant", scene.facts["tenant_id"])
    assert "AADSTS7000215" in newcomer.refused("login", "--service-principal", *who, "--password", "not-the-secret")


def test_an_application_without_a_role_may_do_nothing(scene: Scene, newcomer: Az) -> None:
    name = ("--body", f'{{"name": "{scene.way}-nobody"}}')
    nobody = scene.az("rest", "--method", "post", "--url", "/emulator/applications", *name)
    who = ("--username", nobody["client_id"], "--tenant", nobody["tenant_id"])
    newcomer("login", "--service-principal", *who, "--password", nobody["client_secret"], "--allow-no-subscriptions")
    said = newcomer.refused("keyvault", "key", "list", *scene.vault.itself())
    assert "Caller is not authorized to perform action on resource" in said
