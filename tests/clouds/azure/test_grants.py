"""Permissions in the same words, whether an access policy gives them or a role."""

import pytest
from azure.mgmt.keyvault.models import KeyPermissions

from keyferry.clouds.azure.facts import KEY_PERMISSIONS
from keyferry.clouds.azure.grants import DATA_ACTIONS, permissions_of_policy, permissions_of_role

KEYS = "Microsoft.KeyVault/vaults/keys"
EVERYTHING = frozenset(KEY_PERMISSIONS)


def test_the_words_are_the_sdks() -> None:
    assert {word.lower() for word in KEY_PERMISSIONS} == {str(each.value).lower() for each in KeyPermissions} - {"all"}


def test_every_permission_has_its_data_action() -> None:
    assert set(DATA_ACTIONS) == EVERYTHING


def test_a_policys_words_are_brought_into_the_documented_spelling() -> None:
    assert permissions_of_policy(["GET", "wrapkey", "UnwrapKey"]) == {"get", "wrapKey", "unwrapKey"}


def test_a_word_that_is_none_gives_nothing() -> None:
    assert permissions_of_policy(["get", "conjure"]) == {"get"}


def test_all_is_everything_but_purging() -> None:
    assert permissions_of_policy(["all"]) == EVERYTHING - {"purge"}
    assert permissions_of_policy(["All", "purge"]) == EVERYTHING


@pytest.mark.parametrize(
    ("role", "allowed", "denied", "permissions"),
    [
        ("Administrator", ["Microsoft.KeyVault/vaults/*"], [], EVERYTHING),
        ("Crypto Officer", [f"{KEYS}/*", "Microsoft.KeyVault/vaults/keyrotationpolicies/*"], [], EVERYTHING),
        (
            "Crypto Service Encryption User",
            [f"{KEYS}/read", f"{KEYS}/wrap/action", f"{KEYS}/unwrap/action"],
            [],
            {"get", "list", "wrapKey", "unwrapKey"},
        ),
        ("Reader", ["Microsoft.KeyVault/vaults/*/read"], [], {"get", "list", "getrotationpolicy"}),
        ("Secrets User", ["Microsoft.KeyVault/vaults/secrets/getSecret/action"], [], set()),
        ("Owner", [], [], set()),
        ("everything", ["*"], [], EVERYTHING),
        ("no deleting", ["*"], [f"{KEYS}/delete", f"{KEYS}/purge/action"], EVERYTHING - {"delete", "purge"}),
        ("in another case", [f"{KEYS}/READ".lower()], [], {"get", "list"}),
        ("a dot is a dot", ["MicrosoftxKeyVault/vaults/keys/read"], [], set()),
    ],
)
def test_a_role_gives_what_its_data_actions_cover(
    role: str, allowed: list[str], denied: list[str], permissions: set[str]
) -> None:
    assert permissions_of_role(allowed, denied) == permissions, role
