"""One emulator a test process, `az` signed in once a way, and keys to carry."""

import shlex
from collections.abc import Iterator

import pytest
from interop import served as serving
from interop.az import Az
from interop.openssl import KeyPair
from interop.outside import Outside, outside
from interop.scene import Kek, Scene
from interop.served import Served
from interop.ways import Vault, Way


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving.served(tmp_path_factory.mktemp("served")) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def beyond() -> Iterator[Outside]:
    """Where requests end that would leave the machine, on the ways that need no proxy. There are none."""
    with outside() as proxy:
        yield proxy
    assert proxy.asked == []


@pytest.fixture(
    scope="session",
    params=[pytest.param(way, marks=pytest.mark.xdist_group(way.value), id=way.value) for way in Way],
)
def scene(
    request: pytest.FixtureRequest, served: Served, beyond: Outside, tmp_path_factory: pytest.TempPathFactory
) -> Scene:
    """`az`, signed in with the commands that `keyferry emulator env` prints for a way."""
    way: Way = request.param
    facts = served.facts(way)
    nowhere_else = {} if way is Way.PROXY else {"HTTPS_PROXY": beyond.url, "NO_PROXY": "localhost,127.0.0.1"}
    az = Az.at(tmp_path_factory.mktemp(way.value), nowhere_else | dict(served.variables(way)))
    *sign_in, _an_example = facts["commands"]
    for line in sign_in:
        program, *arguments = shlex.split(line)
        assert program == "az"
        az(*arguments)
    first = facts["vaults"][0]
    url = first["proxied_url"] if way is Way.PROXY else first["url"]
    argument = {Way.CLOUD: "localhost", Way.ID: None, Way.PROXY: first["name"]}[way]
    vault = Vault(argument=argument, url=url, name=first["name"], group=first["resource_group"])
    return Scene(way=way, az=az, vault=vault, facts=facts)


@pytest.fixture(scope="session")
def kek(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Kek:
    """A KEK of the way's own in the first vault."""
    return scene.make_kek(f"{scene.way}-kek", tmp_path_factory.mktemp("kek"))


@pytest.fixture(scope="session")
def spare(scene: Scene) -> Vault:
    """A Premium vault of the way's own that is governed by roles and not protected against purging."""
    name = f"{scene.way}-spare"
    group = ("--resource-group", scene.vault.group, "--location", "westeurope")
    return scene.vault_of(
        scene.az("keyvault", "create", "--name", name, *group, "--sku", "premium", "--retention-days", "7")
    )


@pytest.fixture(scope="session")
def rsa(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return KeyPair.rsa(tmp_path_factory.mktemp("rsa"))


@pytest.fixture(scope="session")
def ec(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return KeyPair.ec(tmp_path_factory.mktemp("ec"))
