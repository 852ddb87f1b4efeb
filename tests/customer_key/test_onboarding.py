"""The onboarding request in both its forms, and the FastTrack offer's sheet."""

import re

import pytest
from tests.customer_key.test_contacts import FILE
from tests.customer_key.test_powershell import read_back

from keyferry.customer_key.contacts import read_contacts_file
from keyferry.customer_key.legacy import sheet
from keyferry.customer_key.onboarding import (
    Mode,
    OnboardingRequest,
    command_line,
    onboarding_request,
    parameters,
    policy_lines,
    script,
    stand_in_body,
)
from keyferry.customer_key.workloads import (
    ONBOARDING_APPLICATION,
    WORKLOADS,
    workload_named,
    workloads_named,
)
from keyferry.errors import IdentifierRefused, InvalidInput

TENANT = "11111111-2222-3333-4444-555555555555"
FIRST, SECOND = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
VERSION = "f2c1e1a79714a757c3486f2be238a005"
ONE = f"https://contoso-ck-a1.vault.azure.net/keys/customer-key/{VERSION}"
OTHER = f"https://contoso-ck-b1.vault.azure.net/keys/customer-key/{VERSION}"
CONTACTS = read_contacts_file(FILE.encode())


def request(*workloads: str, first: str = ONE) -> OnboardingRequest:
    return onboarding_request(TENANT, workloads or ("multi-workload",), ((first, FIRST), (OTHER, SECOND)))


def calls(text: str) -> list[dict[str, str]]:
    """Every call of the cmdlet in a script, from a parameter to its value, as PowerShell reads it."""
    found = []
    for line in re.findall(r"^\$\w+ = New-CustomerKeyOnboardingRequest(.*)$", text, re.MULTILINE):
        given, rest = {}, line
        while rest:
            name, _, value = rest.removeprefix(" -").partition(" ")
            given[name], rest = read_back(value)
        found.append(given)
    return found


def test_todays_form_validates_and_then_enables_with_the_same_parameters() -> None:
    text = script(request())
    validate, enable = calls(text)
    assert validate == {
        "OrganizationId": TENANT,
        "Scenario": "MDEP",
        "Subscription1": FIRST,
        "KeyIdentifier1": ONE,
        "Subscription2": SECOND,
        "KeyIdentifier2": OTHER,
        "OnboardingMode": "Validate",
    }
    assert enable == validate | {"OnboardingMode": "Enable"}
    between = text.partition("'Validate'")[2].partition("New-CustomerKeyOnboardingRequest")[0]
    assert "if ($validation.ValidationResult -ne 'Success') {\n    throw " in between
    assert "Install-Module -Name M365CustomerKeyOnboarding -MinimumVersion 1.1.0" in text


def test_the_older_module_names_vaults_and_keys() -> None:
    text = script(request(), older_module=True)
    validate, _ = calls(text)
    assert validate == {
        "OrganizationId": TENANT,
        "Scenario": "MDEP",
        "Subscription1": FIRST,
        "VaultName1": "contoso-ck-a1",
        "KeyName1": "customer-key",
        "Subscription2": SECOND,
        "VaultName2": "contoso-ck-b1",
        "KeyName2": "customer-key",
        "OnboardingMode": "Validate",
    }
    assert "-MaximumVersion 1.0.1" in text


@pytest.mark.parametrize(
    "first", ["https://localhost:8443/keys/target", "https://contoso-hsm.managedhsm.azure.net/keys/target"]
)
def test_the_older_module_cannot_name_a_key_outside_azures_vaults(first: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        script(request(first=first), older_module=True)
    assert "1.1.0" in refused.value.advice


def test_each_workload_is_a_request_of_its_own_and_what_is_unconfirmed_is_marked() -> None:
    text = script(request("exchange", "sharepoint", "multi-workload"))
    assert [call["Scenario"] for call in calls(text)] == ["MDEP", "MDEP", "EXO", "EXO", "SPO", "SPO"]
    assert "# Unconfirmed: -Scenario EXO." in text
    assert "# Unconfirmed: -Scenario SPO." in text
    assert "-Scenario MDEP." not in text
    assert "spock@microsoft.com" in text


def test_nothing_but_comments_and_known_commands_stands_in_a_script() -> None:
    for line in script(request(*WORKLOADS)).splitlines():
        assert re.match(r"(#|\$\w+(\.| = | \|)|if \(|    throw '|\}$|(Install|Import)-Module |$)", line), line


@pytest.mark.parametrize(
    ("tenant", "subscription", "workloads", "field"),
    [
        ("contoso", FIRST, ("exchange",), "organization_id"),
        (TENANT, "'; whoami", ("exchange",), "keys[0].subscription_id"),
        (TENANT, FIRST, ("teams",), "workload"),
        (TENANT, FIRST, (), "workload"),
    ],
)
def test_what_a_request_is_made_of_is_judged_by_field(
    tenant: str, subscription: str, workloads: tuple[str, ...], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        onboarding_request(tenant, workloads, ((ONE, subscription), (OTHER, SECOND)))
    assert refused.value.field == field
    assert refused.value.advice


def test_a_key_that_is_no_identifier_is_refused() -> None:
    with pytest.raises(IdentifierRefused):
        request(first="https://contoso-ck-a1.vault.azure.net/keys/x'; whoami")


def test_one_key_is_not_a_pair() -> None:
    with pytest.raises(InvalidInput) as refused:
        onboarding_request(TENANT, ("exchange",), ((ONE, FIRST),))
    assert refused.value.field == "keys"


def test_the_stand_in_gets_the_cmdlets_parameters_and_the_contacts() -> None:
    made = request()
    body = stand_in_body(made, WORKLOADS["multi-workload"], Mode.ENABLE, CONTACTS)
    assert body == parameters(made, WORKLOADS["multi-workload"]) | {
        "OnboardingMode": "Enable",
        "Contacts": CONTACTS.document(),
    }


def test_a_command_line_alone_can_be_had() -> None:
    line = command_line(parameters(request(), WORKLOADS["exchange"]), Mode.VALIDATE)
    assert line.startswith(f"New-CustomerKeyOnboardingRequest -OrganizationId '{TENANT}' -Scenario 'EXO' ")
    assert line.endswith(" -OnboardingMode 'Validate'")


@pytest.mark.parametrize("name", WORKLOADS)
def test_afterwards_the_policy_is_made_with_both_keys(name: str) -> None:
    lines = " ".join(policy_lines(request(name), WORKLOADS[name]))
    assert "{" not in lines
    assert ("contoso-ck-a1" in lines, "contoso-ck-b1" in lines) == (True, True)


def test_workloads_go_by_name_or_scenario_in_the_order_of_the_table() -> None:
    assert workload_named("EXO") is WORKLOADS["exchange"]
    assert workload_named(" SharePoint ") is WORKLOADS["sharepoint"]
    assert [each.name for each in workloads_named(("spo", "MDEP", "sharepoint"))] == ["multi-workload", "sharepoint"]
    assert ONBOARDING_APPLICATION not in {each.application_id for each in WORKLOADS.values()}


def test_the_fasttrack_sheet_has_everybody_and_both_keys() -> None:
    text = sheet(request("exchange"), CONTACTS)
    assert text.startswith("# Request encryption key help for Exchange\n")
    for told in ("Contoso Ltd", "Primary Contact", "First Officer", "Second Officer", "Head of Keys", "020 7946 0002"):
        assert f"{told} |" in text
    assert text.count("Register-AzProviderFeature -FeatureName mandatoryRetentionPeriodEnabled") == 2
    assert f"Set-AzContext -SubscriptionId '{FIRST}'" in text
    assert f"Set-AzContext -SubscriptionId '{SECOND}'" in text
    assert "exock@microsoft.com" in text
    assert "Customer Key for contoso.onmicrosoft.com" in text
    assert "Unconfirmed: whether FastTrack still takes" in text


def test_each_workload_was_an_offer_of_its_own() -> None:
    text = sheet(request(*WORKLOADS), CONTACTS)
    assert [line for line in text.splitlines() if line.startswith("# ")] == [
        f"# {each.offer}" for each in WORKLOADS.values()
    ]


def test_what_people_are_called_is_shown_and_not_acted_upon() -> None:
    document = CONTACTS.document() | {"organization": "Contoso | [x](https://evil.example) <b>`"}
    from keyferry.customer_key.contacts import read_contacts

    text = sheet(request(), read_contacts(document))
    assert r"Contoso \| \[x\](https://evil.example) \<b>\` |" in text


def test_ids_and_addresses_can_be_copied_from_the_sheet_as_they_are() -> None:
    text = sheet(request(), CONTACTS)
    for told in (FIRST, SECOND, *(key.reference.text for key in (request().first, request().second))):
        assert f"| {told} |" in text
