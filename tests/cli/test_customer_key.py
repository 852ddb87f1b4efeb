"""`keyferry customer-key`: requests at a real server."""

import re
import shlex
from pathlib import Path

import click
import pytest
from tests.cli.terminal import RunningServer, Shell
from tests.customer_key.test_contacts import FILE, TENANT
from tests.customer_key.test_onboarding import FIRST, ONE, OTHER, SECOND, calls

from keyferry.cli import choices
from keyferry.cli.customer_key import customer_key
from keyferry.customer_key.workloads import WORKLOADS

KEYS = (ONE, OTHER)
WHERE = ("--subscription", FIRST, "--subscription", SECOND)


def typed_commands() -> list[str]:
    """Every `keyferry …` that docs/azure-byok.md has people type, with continued lines joined."""
    page = (Path(__file__).parents[2] / "docs" / "azure-byok.md").read_text()
    listings = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = "".join(listings).replace("\\\n", " ").splitlines()
    inline = re.findall(r"`(keyferry [a-z][^`]* --[^`]+)`", page.replace("\n", " "))
    return [line for line in (*lines, *inline) if line.startswith("keyferry ")]


def contacts(shell: Shell, text: str = FILE) -> Path:
    path = shell.directory / "contacts.toml"
    path.write_text(text)
    return path


def drafted(shell: Shell, *more: str, keys: tuple[str, ...] = KEYS) -> str:
    """The id of a new request."""
    made = shell(
        *("customer-key", "request", "draft", *keys, "--contacts", contacts(shell)),
        *("--workload", "multi-workload", *WHERE, "--json", *more),
    )
    return str(made.json["id"])


def recorded(shell: Shell, id_: str, *states: str) -> None:
    for state in states:
        shell("customer-key", "request", "record", id_, "--state", state, "--reference", "MS-1")


class TestDrafting:
    def test_a_request_begins_as_a_draft_of_the_group_and_says_what_comes_next(self, kim: Shell) -> None:
        out = kim(
            *("customer-key", "request", "draft", *KEYS, "--contacts", contacts(kim)),
            *("--workload", "exchange", "--workload", "multi-workload", *WHERE),
        ).out
        assert "draft" in out
        assert "payments" in out
        assert "\N{REPLACEMENT CHARACTER}" not in out
        id_ = re.search(r"request validate (\S+)", out)
        assert id_ is not None
        found = kim("customer-key", "request", "show", id_[1], "--json").json
        assert found["organization_id"] == TENANT
        assert found["workloads"] == ["exchange", "multi-workload"]
        assert [key["identifier"] for key in found["keys"]] == [ONE, OTHER]
        assert [key["subscription_id"] for key in found["keys"]] == [FIRST, SECOND]
        assert found["contacts"]["primary_contact"]["email"] == "keys@contoso.example"

    def test_contact_information_that_will_not_do_is_told_by_field_and_records_nothing(self, kim: Shell) -> None:
        before = kim("customer-key", "request", "list", "--json").json
        file = contacts(kim, FILE.replace('email = "keys@contoso.example"', 'email = "keys"').replace("020 7946", "x"))
        what, advice = kim(
            *("customer-key", "request", "draft", *KEYS, "--contacts", file, "--workload", "exchange", *WHERE), code=1
        ).refusal
        assert what.startswith("error (contacts-refused)")
        assert "primary_contact.email: is no e-mail address" in what
        assert "authorized_officers[1].phone: is no telephone number" in what
        assert "docs/azure-byok.md" in advice
        assert kim("customer-key", "request", "list", "--json").json == before

    def test_a_key_by_name_has_to_be_in_a_vault(self, kim: Shell) -> None:
        kim("key", "create", "--type", "rsa-2048", "--name", "not-pushed-yet")
        what, advice = kim(
            *("customer-key", "request", "draft", "not-pushed-yet", OTHER, "--contacts", contacts(kim)),
            *("--workload", "exchange", *WHERE),
            code=1,
        ).refusal
        assert what.startswith("error (deployment-not-imported)")
        assert "keyferry azure push not-pushed-yet" in advice

    @pytest.mark.parametrize(
        ("key", "code"),
        [("https://contoso-kv.vault.azure.net/secrets/x", "identifier-path"), ("no-such-key", "not-found")],
    )
    def test_what_is_no_key_is_refused(self, kim: Shell, key: str, code: str) -> None:
        what, _ = kim(
            *("customer-key", "request", "draft", key, OTHER, "--contacts", contacts(kim), "--workload", "exchange"),
            *WHERE,
            code=1,
        ).refusal
        assert what.startswith(f"error ({code})")

    def test_one_subscription_for_two_keys_is_wrong_usage(self, kim: Shell) -> None:
        _, advice = kim(
            *("customer-key", "request", "draft", *KEYS, "--contacts", contacts(kim), "--workload", "exchange"),
            *WHERE[:2],
            code=2,
        ).refusal
        assert advice == "Give --subscription twice."

    def test_the_same_key_twice_is_refused(self, kim: Shell) -> None:
        kim(
            *("customer-key", "request", "draft", ONE, ONE, "--contacts", contacts(kim), "--workload", "exchange"),
            *WHERE,
            code=1,
        )


class TestWriting:
    def test_todays_form_is_written_with_a_warning_while_it_is_a_draft(self, kim: Shell) -> None:
        id_, file = drafted(kim), kim.directory / "request.ps1"
        outcome = kim("customer-key", "request", "write", id_, "--output", file)
        validate, enable = calls(file.read_text())
        assert (validate["OnboardingMode"], enable["OnboardingMode"]) == ("Validate", "Enable")
        assert (validate["KeyIdentifier1"], validate["KeyIdentifier2"]) == KEYS
        assert validate["OrganizationId"] == TENANT
        assert "warning: The request is draft" in outcome.err
        assert "sends nothing to Microsoft" in outcome.out
        assert file.stat().st_mode & 0o077 == 0

    def test_the_older_module_and_the_fasttrack_sheet_can_be_had(self, kim: Shell) -> None:
        id_, file = drafted(kim), kim.directory / "request"
        kim("customer-key", "request", "write", id_, "--output", file, "--older-module")
        assert calls(file.read_text())[0]["VaultName1"] == "contoso-ck-a1"
        kim("customer-key", "request", "write", id_, "--output", file, "--legacy", "--force")
        assert "## Authorised officers" in file.read_text()

    def test_nothing_is_written_over_and_two_forms_at_once_are_none(self, kim: Shell) -> None:
        id_, file = drafted(kim), kim.directory / "request"
        file.write_text("mine")
        what, _ = kim("customer-key", "request", "write", id_, "--output", file, code=1).refusal
        assert what.startswith("error (file-exists)")
        kim("customer-key", "request", "write", id_, "--output", file, "--legacy", "--older-module", code=2)
        assert file.read_text() == "mine"


class TestStates:
    def test_that_it_validates_is_recorded_by_ones_word_alone_and_with_what_was_seen(self, kim: Shell) -> None:
        id_ = drafted(kim)
        record = ("customer-key", "request", "record", id_)
        what, advice = kim(*record, "--state", "validated", code=1).refusal
        assert what.startswith("error (not-checked)")
        assert "Exchange Online PowerShell" in advice
        kim(*record, "--state", "validated", "--vouch", code=1)
        kim(*record, "--state", "submitted", code=2)
        done = kim(*record, "--state", "validated", "--vouch", "--note", "It answered Success", "--json").json
        assert (done["history"][-1]["vouched"], done["history"][-1]["note"]) == (True, "It answered Success")

    def test_a_draft_cannot_be_recorded_as_sent_or_submitted(self, kim: Shell) -> None:
        id_ = drafted(kim)
        what, _ = kim(
            *("customer-key", "request", "record", id_, "--state", "submitted", "--reference", "MS-1"), code=1
        ).refusal
        assert what.startswith("error (state-transition-refused)")
        what, advice = kim(
            "customer-key", "request", "submit", id_, "--stand-in", "https://localhost:1", code=1
        ).refusal
        assert what.startswith("error (state-transition-refused)")
        assert "request validate" in advice

    def test_editing_changes_what_it_says(self, kim: Shell) -> None:
        id_ = drafted(kim)
        kim("customer-key", "request", "edit", id_, "--workload", "sharepoint")
        file = contacts(kim, FILE.replace("Contoso Ltd", "Contoso plc"))
        changed = kim("customer-key", "request", "edit", id_, "--contacts", file, "--json").json
        assert changed["workloads"] == ["sharepoint"]
        assert changed["contacts"]["organization"] == "Contoso plc"

    def test_other_keys_can_be_put_in_and_put_it_back_to_a_draft(self, kim: Shell) -> None:
        id_ = drafted(kim)
        words = ("--key", OTHER, "--subscription", SECOND, "--key", ONE, "--subscription", FIRST)
        changed = kim("customer-key", "request", "edit", id_, *words, "--json").json
        assert [(key["identifier"], key["subscription_id"]) for key in changed["keys"]] == [
            (OTHER, SECOND),
            (ONE, FIRST),
        ]
        assert changed["state"] == "draft"

    @pytest.mark.parametrize(
        ("words", "missing"),
        [
            ((), "--contacts"),
            (("--key", ONE, "--subscription", FIRST), "--key twice"),
            (("--key", ONE, "--key", OTHER), "--subscription twice"),
            (WHERE, "--key twice"),
        ],
    )
    def test_an_edit_of_nothing_or_of_half_a_pair_changes_nothing(
        self, kim: Shell, words: tuple[str, ...], missing: str
    ) -> None:
        id_ = drafted(kim)
        before = kim("customer-key", "request", "show", id_, "--json").json
        _, advice = kim("customer-key", "request", "edit", id_, *words, code=2).refusal
        assert missing in advice
        assert kim("customer-key", "request", "show", id_, "--json").json == before

    def test_others_see_nothing_of_it_and_an_administrator_reads_it(
        self, kim: Shell, server: RunningServer, tmp_path: Path
    ) -> None:
        id_ = drafted(kim)
        admin = Shell(tmp_path)
        admin.sign_in(server, "first-admin", profile="admin")
        shown = admin("customer-key", "request", "show", id_, "--profile", "admin").out
        assert "It was not checked since it was last changed." in shown
        assert "History:" in shown


class TestHelp:
    def test_it_loads_nothing_heavy(self) -> None:
        from tests.cli.test_start import HEAVY, loaded_after

        for arguments in (["customer-key", "--help"], ["customer-key", "request", "--help"]):
            assert loaded_after(*arguments).isdisjoint({*HEAVY, "azure", "requests"})

    def test_the_table_of_verbs_says_what_each_says_itself(self) -> None:
        for name, (_, line) in customer_key.places.items():
            command = customer_key.get_command(click.Context(customer_key), name)
            assert command is not None
            assert (command.help or "").partition("\n")[0] == line

    @pytest.mark.parametrize("line", typed_commands())
    def test_every_command_of_the_page_exists_with_its_options(self, line: str) -> None:
        from tests.cli.test_readme import resolve

        command, rest = resolve(shlex.split(line)[1:])
        assert not isinstance(command, click.Group), f"{line!r} stops before a command"
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert [word for word in rest if word.startswith("--") and word not in known] == []

    def test_the_page_leads_the_whole_way(self) -> None:
        verbs = {" ".join(line.split()[1:4]) for line in typed_commands()}
        steps = ("azure vault create", "azure vault grant", "azure kek create", "azure push customer-key-a1")
        later = ("azure backup customer-key-a1", "customer-key check customer-key-a1", "customer-key request write")
        assert {*steps, *later} <= verbs

    def test_the_workloads_offered_are_those_of_the_table(self) -> None:
        assert set(choices.CUSTOMER_KEY_WORKLOADS) == set(WORKLOADS)
