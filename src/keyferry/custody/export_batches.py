"""Many keys wrapped under one key encryption key, each authorised, recorded and audited as one that leaves alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from keyferry.custody.attempts import Steps
from keyferry.custody.caller import Caller
from keyferry.custody.export_rules import NEW, Request, RulesOfChunk, Terms, require_leaving, terms_of
from keyferry.custody.exports import ExportedFile, record, wrap_for
from keyferry.custody.gate import Gate
from keyferry.custody.key_lookup import keys_page, load_key
from keyferry.custody.policy import Operation, Relation
from keyferry.custody.view import Change, View
from keyferry.errors import Conflict, KeyferryError
from keyferry.ids import is_id_shaped
from keyferry.store.sealed import KEY_VERSIONS, KEYS
from keyferry.store.transaction import Transaction

#: the most keys that one transaction wraps and records: for so long, others wait to write
LARGEST_CHUNK = 75
#: keys that are looked at in one go for whether they may leave
PAGE = 500

Outcome = ExportedFile | KeyferryError


@dataclass(frozen=True, slots=True)
class OwnersKeys:
    """Every key of a group or a user that may leave: exportable, and its current version active.

    Without both, of the caller's default group, else of the caller.
    """

    group: str | None = None
    owner: str | None = None


@dataclass(slots=True)
class Passed:
    """How many keys of an owner were passed over, as they may not leave; known once the batch is done."""

    over: int = 0


class ExportBatches:
    """Exports many keys, in chunks that are each durable before their files are handed out."""

    def __init__(self, gate: Gate, kek_policy: str) -> None:
        self._gate = gate
        self._kek_policy = kek_policy

    def export(
        self, caller: Caller, chosen: Sequence[str] | OwnersKeys, request: Request, passed: Passed
    ) -> Iterator[list[Outcome]]:
        """Wrap the current versions, in order; what was exported (or what one was refused with) in the place of each.

        Nothing is done before the first chunk is asked for, and nothing more after the last one that is: each is a
        transaction of its own, of at most 75 keys. An owner's keys come in the order of their ids.

        Args:
            chosen: ids or names, or an owner, whose keys that may not leave are counted in `passed`.

        Raises:
            NotPermitted: the caller may export no key at all.
            InvalidInput: there is no such owner that the caller may name.
            InvalidInput, IdentifierRefused, KekRefused: what `request` names will not do, for whatever key.
        """
        terms = self._gate.read(caller, Operation.KEY_EXPORT, partial(_permitted_terms, request))
        references = self._leaving(caller, chosen, passed) if isinstance(chosen, OwnersKeys) else iter(chosen)
        while chunk := list(islice(references, LARGEST_CHUNK)):
            yield self._chunk(caller, chunk, terms)

    def _chunk(self, caller: Caller, references: Sequence[str], terms: Terms) -> list[Outcome]:
        """Judge each key, wrap each, record each: threads would only take turns at the interpreter."""
        rules = RulesOfChunk(self._kek_policy)
        leaving = [partial(_leave, rules, reference, terms) for reference in references]
        return self._gate.write_each(caller, Operation.KEY_EXPORT, leaving, before=partial(_bring, references))

    def _leaving(self, caller: Caller, owner: OwnersKeys, passed: Passed) -> Iterator[str]:
        after = ""
        while page := self._gate.read(caller, Operation.KEY_LIST, partial(_page_of, owner, after)):
            for key_id, leaves in page:
                if leaves:
                    yield key_id
                else:
                    passed.over += 1
            after = page[-1][0]


def _bring(references: Sequence[str], tx: Transaction) -> None:
    """Read a chunk's keys at once, and their current versions; what is named otherwise is read by itself."""
    rows = KEYS.bring(tx, [reference for reference in references if is_id_shaped(reference)])
    KEY_VERSIONS.bring(tx, [str(row["current_version_id"]) for row in rows])


def _leave(rules: RulesOfChunk, reference: str, terms: Terms, change: Change) -> Steps[ExportedFile]:
    """Judge, wrap, record. What binds a KEK or uses an approval up is done in one go: the next ones are to see it."""
    try:
        key = load_key(change, reference)
        ready = rules.judge_under(change, key, require_leaving(change, key), terms)
        ready.require_approval(change)
        in_one_go = change.has_changed or ready.known_as == NEW
        if not in_one_go:
            yield
        file = wrap_for(change, ready)
        if not in_one_go:
            yield
        return record(change, ready, file)
    except KeyferryError:
        rules.forget()  # what this one has read is held no longer once it is undone
        raise


def _permitted_terms(request: Request, view: View) -> Terms:
    view.permit(Relation.OWN, "key", None, None)
    return terms_of(request)


def _page_of(owner: OwnersKeys, after: str, view: View) -> list[tuple[str, bool]]:
    """The ids of an owner's keys, and whether each may leave."""
    view.permit(view.actor.relation_to_user(view.actor.user.id), "key", None, None)
    group = owner.group
    user = view.actor.user
    if group is None and owner.owner is None:
        group = user.default_group_id
    named = owner.owner if owner.owner is not None or group is not None else user.id
    found = keys_page(view, PAGE - 1, after, None, group, named)
    leaving = []
    for key in found:
        try:
            require_leaving(view, key)
        except Conflict:
            leaving.append((key.id, False))
        else:
            leaving.append((key.id, True))
    return leaving
