"""Onboarding requests: received, validated, enabled, and kept.

1. Validate: everything is validated, and the findings are recorded; nothing else changes.
2. Enable: refused unless the newest validation of the same content succeeded; then everything is validated again, the
   pair is activated, and both are recorded. Enabling what is active already answers the request that activated it.
"""

import json
import sqlite3
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keyferry.emulator import clock
from keyferry.emulator.directory import Principal
from keyferry.emulator.emulator import Emulator
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.onboarding import activation
from keyferry.emulator.onboarding.activation import Activated, NotActivated
from keyferry.emulator.onboarding.content import Content, Mode, content_of
from keyferry.emulator.onboarding.findings import Finding, all_passed
from keyferry.emulator.onboarding.validation import look_up_pair, validate


class Result(StrEnum):
    """`ValidationResult` and `EnablementResult`."""

    NOT_STARTED = "NotStarted"
    SUCCESS = "Success"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnboardingRecord:
    """A request that was received, and what came of it. `created` and `activated` are in Unix seconds.

    `passed` and `failed` are findings as documents; `keys` are the versions that were activated.
    """

    id: str
    created: int
    created_by: str
    mode: Mode
    content: Content
    validation: Result
    enablement: Result
    passed: tuple[dict[str, Any], ...]
    failed: tuple[dict[str, Any], ...]
    keys: tuple[str, str] | None = None
    activated: int | None = None


class OnboardingRequests:
    """Every onboarding request, over the emulator's state."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._state = emulator.state

    def receive(self, content: Content, mode: Mode, caller: Principal) -> tuple[OnboardingRecord, bool]:
        """Do what a request asks for; also whether a new record was made.

        Raises:
            AzureFailure: 409 ValidationRequired for an Enable without a successful Validate.
        """
        if mode is Mode.ENABLE:
            active = self._active(content)
            if active is not None:
                return active, False
            self._require_validated(content)
        found = validate(self._emulator, content)
        if mode is Mode.VALIDATE or not all_passed(found):
            return self._record(content, mode, caller, found), True
        first, second = look_up_pair(self._emulator, content)
        try:
            activated = activation.activate(first, second)
        except NotActivated as refused:
            return self._record(content, mode, caller, (*found, *refused.findings)), True
        found = (*found, *activation.findings_of(first, second))
        return self._record(content, mode, caller, found, activated), True

    def find(self, request_id: str) -> OnboardingRecord | None:
        """The request of that id."""
        with self._state.read() as connection:
            row = connection.execute(f"{_SELECT} WHERE id = ?", (request_id.lower(),)).fetchone()
        return None if row is None else _from_row(row)

    def all(self) -> tuple[OnboardingRecord, ...]:
        """Every request, the oldest first."""
        with self._state.read() as connection:
            rows = connection.execute(f"{_SELECT} ORDER BY created, onboarding_requests.rowid").fetchall()
        return tuple(map(_from_row, rows))

    def keys_that_open(self, record: OnboardingRecord) -> tuple[bool, bool]:
        """Of an activated pair, which keys open the tenant's root secret now."""
        with self._state.read() as connection:
            row = connection.execute("SELECT * FROM customer_keys WHERE request_id = ?", (record.id,)).fetchone()
        if row is None:
            return False, False
        content = content_of(
            {**record.content.document(), "KeyIdentifier1": row["key1"], "KeyIdentifier2": row["key2"]}
        )
        first, second = look_up_pair(self._emulator, content)
        return (
            activation.still_opens(first, row["wrapped1"], row["secret_sha256"]),
            activation.still_opens(second, row["wrapped2"], row["secret_sha256"]),
        )

    def _active(self, content: Content) -> OnboardingRecord | None:
        with self._state.read() as connection:
            row = connection.execute(
                f"{_SELECT} WHERE customer_keys.content_sha256 = ?", (content.digest(),)
            ).fetchone()
        return None if row is None else _from_row(row)

    def _require_validated(self, content: Content) -> None:
        with self._state.read() as connection:
            row = connection.execute(
                "SELECT validation FROM onboarding_requests WHERE content_sha256 = ? AND mode = ?"
                " ORDER BY created DESC, rowid DESC LIMIT 1",
                (content.digest(), Mode.VALIDATE),
            ).fetchone()
        if row is None or row["validation"] != Result.SUCCESS:
            raise AzureFailure(
                409,
                "ValidationRequired",
                "Enable is for a request that was validated: send the same content with OnboardingMode Validate, and "
                "enable it when its ValidationResult is Success. Nothing was recorded.",
            )

    def _record(
        self,
        content: Content,
        mode: Mode,
        caller: Principal,
        findings: tuple[Finding, ...],
        activated: Activated | None = None,
    ) -> OnboardingRecord:
        record = _record_of(content, mode, caller, findings, activated)
        with self._state.write() as connection:
            _insert(connection, record)
            if activated is not None and record.activated is not None:
                _insert_key(connection, record, activated, record.activated)
        return record


_SELECT = """
SELECT onboarding_requests.*, customer_keys.key1, customer_keys.key2, customer_keys.activated
FROM onboarding_requests LEFT JOIN customer_keys ON customer_keys.request_id = onboarding_requests.id
"""


def _record_of(
    content: Content, mode: Mode, caller: Principal, findings: tuple[Finding, ...], activated: Activated | None
) -> OnboardingRecord:
    now = clock.now()
    wraps = [finding for finding in findings if finding.validation == "WrapAndUnwrap"]
    validated = all_passed([finding for finding in findings if finding not in wraps])
    enablement = Result.NOT_STARTED
    if mode is Mode.ENABLE:
        enablement = Result.FAILED if activated is None else Result.SUCCESS
    return OnboardingRecord(
        id=str(uuid.uuid4()),
        created=now,
        created_by=caller.object_id,
        mode=mode,
        content=content,
        validation=Result.SUCCESS if validated else Result.FAILED,
        enablement=enablement,
        passed=tuple(finding.document() for finding in findings if finding.passed),
        failed=tuple(finding.document() for finding in findings if not finding.passed),
        keys=None if activated is None else activated.keys,
        activated=None if activated is None else now,
    )


def _insert(connection: sqlite3.Connection, record: OnboardingRecord) -> None:
    connection.execute(
        "INSERT INTO onboarding_requests (id, created, created_by, mode, content, content_sha256, validation,"
        " enablement, passed, failed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.id,
            record.created,
            record.created_by,
            record.mode,
            json.dumps(record.content.document()),
            record.content.digest(),
            record.validation,
            record.enablement,
            json.dumps(record.passed),
            json.dumps(record.failed),
        ),
    )


def _insert_key(connection: sqlite3.Connection, record: OnboardingRecord, activated: Activated, now: int) -> None:
    digest = record.content.digest()
    if connection.execute("SELECT 1 FROM customer_keys WHERE content_sha256 = ?", (digest,)).fetchone():
        raise AzureFailure(409, "AlreadyActive", "Another request activated the same pair meanwhile. Show that one.")
    connection.execute(
        "INSERT INTO customer_keys (request_id, content_sha256, key1, key2, algorithm, wrapped1, wrapped2,"
        " secret_sha256, activated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.id,
            digest,
            *activated.keys,
            activated.algorithm,
            *activated.wrapped,
            activated.secret_sha256,
            now,
        ),
    )


def _from_row(row: sqlite3.Row) -> OnboardingRecord:
    return OnboardingRecord(
        id=row["id"],
        created=row["created"],
        created_by=row["created_by"],
        mode=Mode(row["mode"]),
        content=content_of(json.loads(row["content"])),
        validation=Result(row["validation"]),
        enablement=Result(row["enablement"]),
        passed=tuple(json.loads(row["passed"])),
        failed=tuple(json.loads(row["failed"])),
        keys=None if row["key1"] is None else (row["key1"], row["key2"]),
        activated=row["activated"],
    )
