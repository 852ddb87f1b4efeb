"""Identity providers: whose word is taken for who somebody is, and what it means here."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam

from keyferry.custody.approval_holders import holders_for_everybody
from keyferry.custody.approving import Exact, Fact, no_approval, require_approval
from keyferry.custody.caller import Caller
from keyferry.custody.connection_facts import as_json
from keyferry.custody.gate import Gate
from keyferry.custody.groups import require_revision
from keyferry.custody.identity_binding import PROVIDER_BY_NAME, find_provider
from keyferry.custody.names import check_connection_name
from keyferry.custody.once import Once
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.provider_ending import Opened, end_opened, opened_by
from keyferry.custody.provider_kinds import Configuration, Fetch, Kind, protocol
from keyferry.custody.provider_mapping import shown_mapping
from keyferry.custody.provider_tests import TrialSignIn, load_test
from keyferry.custody.provider_writing import NewProvider, ProviderEdit, changes_of, made, prepare_edit, prepare_new
from keyferry.custody.recording import Subject
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict
from keyferry.store.records import IdentityProvider
from keyferry.store.sealed import IDENTITY_PROVIDERS, Lock
from keyferry.store.tables import identity_providers

_PAGE = Query(
    IDENTITY_PROVIDERS,
    identity_providers.c.id > bindparam("after"),
    identity_providers.c.deleted_at.is_(None),
    order_by=identity_providers.c.id,
    limit=True,
)


@dataclass(frozen=True, slots=True)
class ProviderDetail:
    """A provider as people see it: without its secret, with the names of groups in its mapping.

    Attributes:
        opened: what is in force of what it has opened.
    """

    provider: IdentityProvider
    configuration: Configuration
    mapping: dict[str, Any]
    opened: Opened


@dataclass(frozen=True, slots=True)
class DisabledProvider:
    """A provider that is disabled now, and what has ended with that."""

    detail: ProviderDetail
    ended: Opened


class Providers:
    """Identity providers. Administrators make, edit, test, enable, disable and delete them; each is disabled at first.

    One is enabled once a sign-in through it was walked through, or by somebody who says that none was. What such
    sign-ins rest on changes only while it is disabled, unless the same is said. A name is not used again.
    """

    def __init__(self, gate: Gate, fetch: Fetch, erased: Callable[[], None]) -> None:
        """
        Args:
            fetch: reads what a provider publishes, from hosts that the settings allow.
            erased: hears that a secret was replaced or deleted, and must not linger in the store's files.
        """
        self._gate = gate
        self._fetch = fetch
        self._erased = erased

    def create(self, caller: Caller, new: NewProvider, *, once: Once | None = None) -> ProviderDetail:
        """Make a provider, disabled. What it publishes is fetched first, if the configuration says from where.

        Raises:
            InvalidInput: a field will not do; says which.
            Conflict: the name is, or was, taken.
            ProviderFailed: what the provider publishes could not be had.
        """
        operation = Operation.PROVIDER_CREATE
        self._gate.read(caller, operation, lambda view: view.permit(Relation.NONE, "identity-provider", None, new.name))
        with self._gate.refusing(caller, operation, Subject("identity-provider", None, new.name)):
            check_connection_name(new.name)
            prepared = prepare_new(new, self._fetch)

        def change(change: Change) -> IdentityProvider:
            change.permit(Relation.NONE, "identity-provider", None, new.name)
            if change.first(IDENTITY_PROVIDERS, PROVIDER_BY_NAME, name=new.name) is not None:
                raise Conflict(
                    f"An identity provider {new.name!r} exists, or existed before.",
                    code="name-taken",
                    field="name",
                    advice="Choose another; names of deleted ones are not used again.",
                )
            row = made(change, new, prepared)
            change.note(kind=row.kind, just_in_time=row.just_in_time, asks_second_factor=row.asks_second_factor)
            return change.insert(IDENTITY_PROVIDERS, row)

        written = self._gate.write(caller, operation, change, once=once)
        return self.show(caller, written.id)

    def show(self, caller: Caller, reference: str) -> ProviderDetail:
        """The provider with this id or name."""
        return self._gate.read(
            caller, Operation.PROVIDER_READ, lambda view: detail_of(view, load_provider(view, reference))
        )

    def list(self, caller: Caller, *, size: int, after: str = "") -> Page[ProviderDetail]:
        """Every provider that is not deleted, in the order of their ids."""

        def read(view: View) -> Page[ProviderDetail]:
            view.permit(Relation.NONE, "identity-provider", None, None)
            found = view.find(IDENTITY_PROVIDERS, _PAGE, after=after, limit=size + 1)
            return page_of([detail_of(view, each) for each in found], size, [each.id for each in found])

        return self._gate.read(caller, Operation.PROVIDER_LIST, read)

    def edit(
        self, caller: Caller, reference: str, edit: ProviderEdit, *, revision: int | None = None
    ) -> ProviderDetail:
        """Change a provider.

        Raises:
            InvalidInput: a field will not do; says which.
            Conflict: (`provider-enabled`) it is enabled, and what its sign-ins rest on would change untested.
            PreconditionFailed: it is not at `revision`, or was changed while its publications were fetched.
            ApprovalRequired: it is enabled, and others have to approve the change.
        """
        operation = Operation.PROVIDER_EDIT
        seen = self._gate.read(caller, operation, lambda view: load_provider(view, reference))
        with self._gate.refusing(caller, operation, Subject("identity-provider", seen.id, seen.name)):
            require_revision(seen.revision, revision)
            _require_open(seen, edit)
            prepared = prepare_edit(seen, edit, self._fetch)

        def change(change: Change) -> ProviderDetail:
            found = load_provider(change, seen.id, Lock.UPDATE)
            require_revision(found.revision, seen.revision)
            _require_open(found, edit)
            changes = changes_of(change, found, edit, prepared)
            _require_approved(change, replace(found, **changes))
            change.note(
                changed=sorted(changes),
                just_in_time=changes.get("just_in_time"),
                asks_second_factor=changes.get("asks_second_factor"),
                untested=edit.untested or None,
            )
            return detail_of(change, change.update(IDENTITY_PROVIDERS, found, **changes))

        edited = self._gate.write(caller, operation, change)
        if prepared.renews:
            self._erased()
        return edited

    def refresh(self, caller: Caller, reference: str) -> ProviderDetail:
        """Fetch anew what the provider publishes of itself, such as the certificates that it signs with.

        Raises:
            KeyferryError: it could not be had, or will not do; what was there stays.
        """
        operation = Operation.PROVIDER_REFRESH
        seen = self._gate.read(caller, operation, lambda view: load_provider(view, reference))
        with self._gate.refusing(caller, operation, Subject("identity-provider", seen.id, seen.name)):
            completed = protocol(Kind(seen.kind)).completed(json.loads(seen.configuration), self._fetch)

        def change(change: Change) -> ProviderDetail:
            found = load_provider(change, seen.id, Lock.UPDATE)
            require_revision(found.revision, seen.revision)
            return detail_of(change, change.update(IDENTITY_PROVIDERS, found, configuration=as_json(completed)))

        return self._gate.write(caller, operation, change)

    def begin_test(self, caller: Caller, reference: str) -> IdentityProvider:
        """The provider that a sign-in shall be tested through, enabled or not."""
        return self._gate.read(caller, Operation.PROVIDER_TEST, lambda view: load_provider(view, reference))

    def tested(self, caller: Caller, reference: str, test_id: str) -> TrialSignIn:
        """What a provider said in a test that the caller has begun, and whom it would come to.

        Raises:
            NotFound: there is no such test, or no longer, or somebody else began it.
        """

        def read(view: View) -> TrialSignIn:
            return load_test(view, load_provider(view, reference), test_id)

        return self._gate.read(caller, Operation.PROVIDER_TEST, read)

    def confirm_test(self, caller: Caller, reference: str, test_id: str) -> ProviderDetail:
        """Say that what the test showed is right: the provider may be enabled.

        Raises:
            NotFound: there is no such test, or no longer, or somebody else began it.
            Conflict: (`provider-not-tested`) it was of the provider as it was before.
        """

        def change(change: Change) -> ProviderDetail:
            found = load_provider(change, reference, Lock.UPDATE)
            tested = load_test(change, found, test_id)
            if not tested.is_current:
                raise Conflict(
                    "The provider was changed since that test.",
                    code="provider-not-tested",
                    advice="Test the sign-in once more.",
                )
            confirmed = change.update(IDENTITY_PROVIDERS, found, tested_at=change.now, tested_by=change.actor.user.id)
            return detail_of(change, confirmed)

        return self._gate.write(caller, Operation.PROVIDER_TEST, change)

    def enable(
        self, caller: Caller, reference: str, *, untested: bool = False, revision: int | None = None
    ) -> ProviderDetail:
        """Let people sign in through it.

        Raises:
            Conflict: (`provider-not-tested`) no sign-in was tested since it was last changed; `untested` says that
                whoever asks knows.
            ApprovalRequired: others have to approve whom people are taken for at whose word.
        """

        def change(change: Change) -> ProviderDetail:
            found = load_provider(change, reference, Lock.UPDATE)
            require_revision(found.revision, revision)
            if found.tested_at is None and not untested:
                raise Conflict(
                    "No sign-in through this provider was tested since it was last changed.",
                    code="provider-not-tested",
                    field="untested",
                    advice="Test it in the console (keyferry sso test NAME tells where), or say that it is untested.",
                )
            _require_approved(change, replace(found, enabled=True))
            change.note(untested=True if found.tested_at is None else None)
            return detail_of(change, change.update(IDENTITY_PROVIDERS, found, enabled=True))

        return self._gate.write(caller, Operation.PROVIDER_ENABLE, change)

    def disable(
        self, caller: Caller, reference: str, *, end_tokens: bool = False, revision: int | None = None
    ) -> DisabledProvider:
        """Let nobody sign in through it any more, and end the sessions that it has opened, at once and on every node.

        Args:
            end_tokens: end the tokens that people have made in such sessions, too. They go on otherwise.
        """

        def change(change: Change) -> DisabledProvider:
            found = load_provider(change, reference, Lock.UPDATE)
            require_revision(found.revision, revision)
            disabled = change.update(IDENTITY_PROVIDERS, found, enabled=False)
            ended = end_opened(change, found, with_tokens=end_tokens)
            return DisabledProvider(detail_of(change, disabled), ended)

        return self._gate.write(caller, Operation.PROVIDER_DISABLE, change)

    def delete(
        self, caller: Caller, reference: str, *, end_tokens: bool = False, revision: int | None = None
    ) -> Opened:
        """Delete it: its secret is erased, and whoever could only sign in through it cannot any more.

        Args:
            end_tokens: as for `disable`.

        Returns:
            How many sessions and tokens have ended with it.
        """

        def change(change: Change) -> Opened:
            found = load_provider(change, reference, Lock.UPDATE)
            require_revision(found.revision, revision)
            change.update(IDENTITY_PROVIDERS, found, deleted_at=change.now, enabled=False, credential=None)
            return end_opened(change, found, with_tokens=end_tokens)

        ended = self._gate.write(caller, Operation.PROVIDER_DELETE, change)
        self._erased()
        return ended


def _require_approved(change: Change, becoming: IdentityProvider) -> None:
    """
    Raises:
        ApprovalNeeded: people come in at this provider's word, and others have to approve what it will be.
    """
    if not becoming.enabled:
        no_approval(change)
        return
    facts: dict[str, Fact] = {
        "kind": becoming.kind,
        "configuration_sha256": sha256(becoming.configuration.encode()).hexdigest(),
        "mapping": becoming.mapping,
        "just_in_time": becoming.just_in_time,
        "asks_second_factor": becoming.asks_second_factor,
    }
    exact = Exact("identity-provider", becoming.id, becoming.name, facts)
    require_approval(change, exact, holders_for_everybody(change))


def load_provider(view: View, reference: str, lock: Lock | None = None) -> IdentityProvider:
    """The provider with this id or name, authorised.

    Raises:
        NotFound: there is none, or none that the caller may see.
    """
    found = find_provider(view, reference, lock)
    if found is None:
        raise view.missing("identity-provider", reference)
    view.permit(Relation.NONE, "identity-provider", found.id, found.name, asked_as=reference)
    return found


def _require_open(found: IdentityProvider, edit: ProviderEdit) -> None:
    if found.enabled and edit.changes_sign_ins and not edit.untested:
        raise Conflict(
            "The provider is enabled, and this would change what people sign in by without a test.",
            code="provider-enabled",
            field="untested",
            advice="Disable it first, and test it before it is enabled again; or say that the change is untested.",
        )


def detail_of(view: View, provider: IdentityProvider) -> ProviderDetail:
    """A provider's row as people see it."""
    mapping = shown_mapping(view, provider.mapping)
    return ProviderDetail(provider, json.loads(provider.configuration), mapping, opened_by(view, provider))
