"""The pair of vault keys, activated as a Microsoft 365 Customer Key by the emulator's stand-in for the service."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from keyferry.customer_key.onboarding import STAND_IN_PATH
from keyferry.rehearsal import azure_sdk
from keyferry.rehearsal.commands import USER, StepFailed
from keyferry.rehearsal.workflow import AZURE, KEYFERRY, MICROSOFT, Journey, Scene, Stage

WORKLOAD = "multi-workload"
CONTACTS = """\
organization = "Contoso Ltd"
tenant_id = "{tenant}"
tenant_domain = "contoso.onmicrosoft.com"

[primary_contact]
name = "First Contact"
email = "first.contact@contoso.example"
phone = "+44 20 7946 0000"

[[authorized_officers]]
name = "First Officer"
email = "first.officer@contoso.example"
phone = "+44 20 7946 0001"
"""


class Activation:
    """What follows once both keys are in their vaults."""

    def __init__(self, pair: Sequence[Journey], stage: Stage) -> None:
        self._pair = pair
        self._stage = stage
        self._commands = stage.commands
        self._tell = stage.tell
        self._request = ""

    def scenes(self) -> Iterator[Scene]:
        """Every step, in order."""
        yield Scene(KEYFERRY, "Record where the keys are, read back and proved", self._record)
        yield Scene(AZURE, "Back the vault keys up", self._back_up)
        yield Scene(AZURE, "Let Microsoft 365 get, wrapKey and unwrapKey", self._grant)
        yield Scene(KEYFERRY, "Check the pair against all that a Customer Key needs", self._check)
        yield Scene(KEYFERRY, "Draft the onboarding request, with the contact information", self._draft)
        yield Scene(KEYFERRY, "Validate the request", self._validate)
        yield Scene(MICROSOFT, "Submit the request: Validate, then Enable (a stand-in for the service)", self._submit)
        yield Scene(MICROSOFT, "See the Customer Key activated", self._see)

    def _record(self) -> None:
        """The keys were imported by hand: a push finds them there, and imports nothing again."""
        for journey in self._pair:
            words = ("--vault", journey.plan.vault_url, "--name", journey.plan.key, "--for-customer-key")
            done = self._commands.facts("azure", "push", journey.plan.key, *words, "--kek-name", "kek", by=USER)
            if done["remote_identifier"].lower() != journey.identifier.lower():
                raise StepFailed(f"The vault has another version of {journey.plan.key} than the one that was imported.")
            proof = done["evidence"]["proved"]
            self._tell.evidence(**{journey.plan.key: f"{done['remote_identifier']}, proved by {proof['how']}"})

    def _back_up(self) -> None:
        for journey in self._pair:
            file = self._stage.directory / f"{journey.plan.key}.backup"
            taken = self._commands.facts("azure", "backup", journey.plan.key, "--output", file, by=USER)["backup"]
            told = f"{file.name}, {taken['bytes']} bytes, SHA-256 {taken['sha256']}, at {taken['taken_at']}"
            self._tell.evidence(**{journey.plan.key: told})

    def _grant(self) -> None:
        for journey in self._pair:
            who = ("--workload", WORKLOAD, "--principal", self._stage.azure.microsoft)
            vault = self._commands.facts("azure", "vault", "grant", journey.plan.vault, *who)
            granted = [each for each in vault["grants"] if each["principal_id"] == self._stage.azure.microsoft]
            words = sorted({word for each in granted for word in each["permissions"]})
            self._tell.evidence(**{journey.plan.vault: f"{self._stage.azure.microsoft} may {', '.join(words)}"})

    def _check(self) -> None:
        found = self._commands.facts("customer-key", "check", *self._keys, *self._for, by=USER)
        for line in found["lines"]:
            self._tell.fact(f"{line['outcome']:<14}  {line['subject']}: {line['wanted']} {line['found']}")
        self._tell.evidence(verdict=found["verdict"], **_counted(found["lines"]))
        if found["verdict"] != "ready":
            raise StepFailed(f"The pair is {found['verdict']}, and not ready.")

    def _draft(self) -> None:
        contacts = self._stage.directory / "contacts.toml"
        _write_private(contacts, CONTACTS.format(tenant=self._stage.azure.tenant))
        words = ("--contacts", contacts, "--workload", WORKLOAD, "--group", self._pair[0].plan.group)
        made = self._commands.facts("customer-key", "request", "draft", *self._keys, *words, by=USER)
        self._request = str(made["id"])
        self._tell.evidence(request=self._request, state=made["state"])

    def _validate(self) -> None:
        self._commands.run("customer-key", "request", "validate", self._request, *self._principals, by=USER)
        found = self._commands.facts("customer-key", "request", "show", self._request, by=USER)
        self._tell.evidence(state=found["state"], **_counted(found["checks"][-1]["lines"]))

    def _submit(self) -> None:
        words = (self._request, "--stand-in", azure_sdk.MANAGEMENT)
        found = self._commands.facts("customer-key", "request", "submit", *words, by=USER)
        self._tell.fact("A stand-in answered. This was no service of Microsoft's.")
        answer = found["answers"][WORKLOAD]
        for text in answer["passed"]:
            self._tell.fact(f"passed: {text}")
        self._tell.evidence(
            stand_in=found["stand_in"],
            request=answer["id"],
            validated=answer["validated"],
            enabled=answer["enabled"],
            passed=len(answer["passed"]),
            failed=len(answer["failed"]),
        )

    def _see(self) -> None:
        found = self._commands.facts("customer-key", "request", "show", self._request, by=USER)
        if found["state"] != "accepted":
            raise StepFailed(f"The request is {found['state']}, and the Customer Key not activated.")
        there = azure_sdk.get_from_management(f"{STAND_IN_PATH}/{found['reference']}")
        self._tell.evidence(
            stand_in=there["StandIn"],
            state=found["state"],
            status=there["Status"],
            customer_key=[each["KeyIdentifier"] for each in there["ActiveKeys"]],
            opens_the_root_secret=[each["OpensRootSecret"] for each in there["ActiveKeys"]],
        )
        keys = [journey.identifier.lower() for journey in self._pair]
        if [each["KeyIdentifier"].lower() for each in there["ActiveKeys"]] != keys or there["Status"] != "Active":
            raise StepFailed("What was activated is not the pair of keys that were sent.")
        if not all(each["OpensRootSecret"] for each in there["ActiveKeys"]):
            raise StepFailed("A key of the pair does not open what was put under it.")

    @property
    def _keys(self) -> tuple[str, ...]:
        return tuple(journey.plan.key for journey in self._pair)

    @property
    def _principals(self) -> tuple[str, ...]:
        """The service principals: the proxy leads to no Microsoft Graph, which would tell them."""
        azure = self._stage.azure
        return "--principal", f"{WORKLOAD}={azure.microsoft}", "--principal", f"onboarding={azure.onboarding}"

    @property
    def _for(self) -> tuple[str, ...]:
        return "--workload", WORKLOAD, *self._principals


def _counted(lines: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """How many lines of a check passed, failed and could not be seen."""
    outcomes = Counter(line["outcome"] for line in lines)
    return {"passes": outcomes["passes"], "fails": outcomes["fails"], "cannot_be_seen": outcomes["cannot-be-seen"]}


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
