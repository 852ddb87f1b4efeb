"""Names of vaults and groups, held against rules that are written down another way."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.management.names import is_guid, require_group_name, require_vault_name, vault_name_advice

LETTERS = string.ascii_letters
NEAR = st.text(alphabet=f"{LETTERS}{string.digits}-_. é\n", max_size=27)


def may_be_a_vaults(name: str) -> bool:
    return (
        3 <= len(name) <= 24
        and all(character in LETTERS + string.digits + "-" for character in name)
        and name[0] in LETTERS
        and name[-1] != "-"
        and "--" not in name
    )


@given(NEAR | st.from_regex(r"[A-Za-z][A-Za-z0-9-]{1,24}", fullmatch=True))
def test_a_vaults_name_is_judged_as_the_rule_says(name: str) -> None:
    assert (vault_name_advice(name) is None) == may_be_a_vaults(name)


@given(NEAR)
def test_a_refusal_names_the_name(name: str) -> None:
    if may_be_a_vaults(name):
        require_vault_name(name)
        return
    with pytest.raises(AzureFailure) as refused:
        require_vault_name(name)
    assert refused.value.code == "VaultNameNotValid"
    assert f"'{name}'" in refused.value.message


@pytest.mark.parametrize("name", ["a", "Group_1.(x)-y", "ü", "x" * 90])
def test_a_groups_name_has_letters_digits_and_some_signs(name: str) -> None:
    require_group_name(name)


@pytest.mark.parametrize("name", ["", "ends.", "a b", "a/b", "x" * 91])
def test_other_groups_names_are_refused(name: str) -> None:
    with pytest.raises(AzureFailure) as refused:
        require_group_name(name)
    assert refused.value.code == "InvalidResourceGroup"


@given(st.uuids())
def test_a_guid_is_known_in_both_cases(value: object) -> None:
    assert is_guid(str(value))
    assert is_guid(str(value).upper())
    assert not is_guid(f"{value}0")
