"""Requests made from the OpenAPI document, as each role: no fault, and no answer that the document does not name."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, note, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from tests.api.conftest import Door, Person, add_people, kek_body, opened
from tests.conftest import DATABASES, Founded, PostgreSql, database_file_at
from tests.custody.pushing import TENANT
from tests.identity.minting import Issuer

from keyferry.custody.server_policy_row import recover_server_policy
from keyferry.store.tables import metadata
from keyferry.testing import ADMINISTRATOR, PASSWORD, VAULT, Kek, Kit

ROLES = {"administrator": ADMINISTRATOR, "key access user": "user", "auditor": "auditor", "nobody": None}
#: operations that each role must have got a success from, lest this test find nothing but refusals
LEAST_SUCCEEDED = {"administrator": 23, "key access user": 20, "auditor": 15, "nobody": 2}
BATCHES = {"POST /api/v1/key-batches", "POST /api/v1/export-batches"}  # these answer with a refusal a line
#: what an Auditor changes: how they sign in themselves
THEIR_OWN = ("/tokens", "/sessions", "/factors", "/password", "/passkeys", "/totp", "/strength", "/certificates")
EXAMPLES = 6
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]

#: a body beyond the limit is a rejection too, which Schemathesis does not count as one
CHECKS_OF_TOO_LARGE = [check for check in CHECKS if check is not negative_data_rejection]


@dataclass
class Target:
    """A door with something behind it, and whose requests are made."""

    door: Door
    role: str
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def headers(self) -> dict[str, str]:
        name = ROLES[self.role]
        return {} if name is None else {"Authorization": f"Bearer {self.door.kit.token(name)}"}

    @property
    def succeeded(self) -> set[str]:
        """The operations that this role got a success from."""
        return {label for label, status in self.answers if status < 300}


@pytest.fixture
def targets(request: pytest.FixtureRequest, tmp_path: Path, founded: Founded, kek: Kek) -> Iterator[list[Target]]:
    """One of each role but the Auditor, with a store of its own: what one takes away is still there for the others."""
    server = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    with ExitStack() as open_until_then:
        yield [
            open_until_then.enter_context(_target(role, tmp_path / str(number), founded, server, kek))
            for number, role in enumerate(ROLES)
            if role != "auditor"
        ]


@contextmanager
def _target(role: str, folder: Path, founded: Founded, server: PostgreSql | None, kek: Kek) -> Iterator[Target]:
    folder.mkdir()
    url = None if server is None else founded.on(server)
    kit = founded.copy(folder / "home", None if url is None else database_file_at(folder / "database-url", url))
    with opened(kit) as door:
        people = add_people(door.client)
        _furnish(people.administrator, people.user, kek)
        yield Target(door, role)
    kit.close()
    if server is not None and url is not None:
        server.drop(url)


@pytest.mark.parametrize("targets", DATABASES, indirect=True)
def test_no_request_brings_a_fault_or_an_answer_that_is_not_documented(targets: list[Target]) -> None:
    _probe_all(targets, GenerationMode.POSITIVE)
    for target in targets:
        assert len(target.succeeded) >= LEAST_SUCCEEDED[target.role]


# An Auditor may do what the others may not, on neither database: one will do.
@pytest.mark.parametrize("database_file", ["sqlite"], indirect=True)
def test_whatever_an_auditor_asks_changes_nothing_but_how_they_sign_in(make_kit: Callable[..., Kit], kek: Kek) -> None:
    with opened(make_kit()) as door:
        people = add_people(door.client)
        _furnish(people.administrator, people.user, kek)
        before = _counts(door.kit)
        auditor = Target(door, "auditor")
        _probe_all([auditor], GenerationMode.POSITIVE)
        assert len(auditor.succeeded) >= LEAST_SUCCEEDED["auditor"]
        changing = {label for label in auditor.succeeded if not label.startswith("GET ")} - BATCHES
        assert {label for label in changing if not any(part in label for part in THEIR_OWN)} == set()
        assert _counts(door.kit) == before


# Before a store is asked, most of these are refused: one database will do.
@pytest.mark.parametrize("targets", ["sqlite"], indirect=True)
def test_nor_does_one_that_the_document_does_not_allow(targets: list[Target]) -> None:
    _probe_all(targets, GenerationMode.NEGATIVE)


def _counts(kit: Kit) -> dict[str, int]:
    """How many rows there are of what belongs to others."""
    untouched = [
        *("users", "groups", "memberships", "keys", "key_versions", "keks", "exports", "connections"),
        *("deployments", "customer_key_requests", "identity_providers", "trusted_issuers", "workloads"),
    ]
    with kit.installation.store.engine.connect() as connected:
        return {name: len(connected.execute(metadata.tables[name].select()).all()) for name in untouched}


def _probe_all(targets: list[Target], mode: GenerationMode) -> None:
    """Ask everything that the document knows of each target. To think a request up takes longer than to answer it."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", targets[0].door.app)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    for operation in operations:
        if mode is GenerationMode.POSITIVE or _takes_anything(operation):
            _probe(targets, operation, mode)

    for target in targets:
        assert len({label for label, _ in target.answers}) > 40


def _probe(targets: list[Target], operation: Any, mode: GenerationMode) -> None:
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and targets[0].answers.total() % 2:
            _aim(case)
        for target in targets:
            note(f"asked as {target.role}")
            _ask(target, case)

    ask()


def _ask(target: Target, case: Any) -> None:
    label = case.operation.label
    answer = case.call(headers=target.headers(), session=target.door.client, app=target.door.app)
    target.answers[label, answer.status_code] += 1
    if label == "PATCH /api/v1/server-policy" and answer.status_code < 300:
        _let_everybody_in(target.door.kit)
    case.validate_response(answer, checks=CHECKS_OF_TOO_LARGE if answer.status_code == 413 else CHECKS)


def _let_everybody_in(kit: Kit) -> None:
    """As whoever runs the server would, when its policy keeps them out."""
    opened = kit.installation
    recover_server_policy(opened.store, opened.sealer, None, second_factors=False)


def _takes_anything(operation: Any) -> bool:
    """Whether there is anything in a request of this operation that could be wrong."""
    return bool(operation.definition.raw.get("parameters") or operation.definition.raw.get("requestBody"))


def _aim(case: Any) -> None:
    """At something that is there, so that not every request ends with a 404."""
    known = {"key": "signer", "group": "payments", "user": "victim", "connection": "production", "issuer": "pipelines"}
    for name in case.path_parameters or {}:
        case.path_parameters[name] = known.get(name, case.path_parameters[name])


def _furnish(administrator: Person, user: Person, kek: Kek) -> None:
    auditor = {"name": "auditor", "role": "auditor", "password": PASSWORD}
    assert administrator("POST", "/users", auditor).status_code == 201
    victim = {"name": "victim", "role": "key-access-user", "password": PASSWORD}
    assert administrator("POST", "/users", victim).status_code == 201
    assert user("POST", "/keys", {"type": "ec-p256", "name": "signer", "group": "payments"}).status_code == 201
    assert user("POST", "/keys/signer/exports", kek_body(kek)).status_code == 201
    connection = {"name": "production", "managed_identity": True, "vaults": [VAULT], "groups": ["payments"]}
    assert administrator("POST", "/azure-connections", connection).status_code == 201
    trusted = {"name": "pipelines", "issuer": "https://gitlab.com", "audience": "keyferry", "jwks": Issuer("").key_set}
    assert administrator("POST", "/trusted-issuers", trusted).status_code == 201
    bound = {"name": "deploy", "issuer": "pipelines", "subject": "pipeline", "user": "victim"}
    assert administrator("POST", "/workloads", bound).status_code == 201
    place = {"vault": VAULT, "name": "exchange"}
    assert user("POST", "/keys/signer/deployments", place).status_code == 201
    keys = [{"identifier": f"{VAULT}/keys/{name}", "subscription_id": TENANT} for name in ("a", "b")]
    asked = {"organization_id": TENANT, "scenario": "EXO", "keys": keys, "contacts": {}, "group": "payments"}
    assert user("POST", "/customer-key-requests", asked).status_code == 201
