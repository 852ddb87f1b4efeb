"""Many keys in one call, each authorised, stored and audited as one that is made alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from keyferry.custody.attempts import Steps
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.generation import Generation, Source
from keyferry.custody.key_lookup import KeyDetail, detail_of, load_key
from keyferry.custody.keys import NewKey, algorithm_named, prepare_key, store_key
from keyferry.custody.once import Once
from keyferry.custody.policy import Operation
from keyferry.custody.versions import current_version
from keyferry.custody.view import Change, View
from keyferry.errors import KeyferryError

#: the most keys that one transaction stores
LARGEST_CHUNK = 100
#: after this, no further key is begun for a chunk: who waits sees that something comes of it
CHUNK_SECONDS = 2.0

Outcome = KeyDetail | KeyferryError


@dataclass(frozen=True, slots=True)
class WantedKey:
    """A key that a batch is to make.

    Attributes:
        once: the batch's idempotency key with the key's place in the batch, if it has one.
    """

    new: NewKey
    once: Once | None = None


class KeyBatches:
    """Makes many keys, in chunks that are each durable before they are told of."""

    def __init__(self, gate: Gate, generation: Generation) -> None:
        self._gate = gate
        self._generation = generation

    def generate(self, caller: Caller, wanted: Sequence[WantedKey]) -> Iterator[list[Outcome]]:
        """Make the keys, in order; what was made (or what one was refused with) in the place of each.

        Nothing is done before the first chunk is asked for, and nothing more after the last one that is: each is a
        transaction of its own, of at most 100 keys and about two seconds of generation. A key that an earlier request
        has made under the same idempotency key is answered, and not made again.
        """
        for start in range(0, len(wanted), LARGEST_CHUNK):
            yield from self._window(caller, wanted[start : start + LARGEST_CHUNK])

    def _window(self, caller: Caller, wanted: Sequence[WantedKey]) -> Iterator[list[Outcome]]:
        judged = self._gate.read_each(caller, Operation.KEY_GENERATE, [_judging(each, caller) for each in wanted])
        missing = [place for place, outcome in enumerate(judged) if outcome is None]
        outcomes = dict(enumerate(judged))
        told = 0
        while missing:
            made = self._make(caller, [wanted[place] for place in missing])
            outcomes.update(zip(missing, made, strict=False))
            missing = missing[len(made) :]
            end = missing[0] if missing else len(wanted)
            yield [outcome for place in range(told, end) if (outcome := outcomes[place]) is not None]
            told = end
        if told < len(wanted):
            yield [outcome for place in range(told, len(wanted)) if (outcome := outcomes[place]) is not None]

    def _make(self, caller: Caller, wanted: Sequence[WantedKey]) -> list[Outcome]:
        """Of these, as many as can be made in the time of a chunk, from the first on."""

        def write(sources: Sequence[Source]) -> list[Outcome]:
            batch = wanted[: len(sources)]
            works = [partial(_store, each.new, source) for each, source in zip(batch, sources, strict=True)]
            return self._gate.write_each(caller, Operation.KEY_GENERATE, works, [each.once for each in batch])

        algorithms = [algorithm_named(each.new.algorithm) for each in wanted]
        return self._generation.supply_some(algorithms, write, within=CHUNK_SECONDS)


def _store(new: NewKey, source: Source, change: Change) -> Steps[KeyDetail]:
    """In one step: the next ones are to see it, such as that its name is taken."""
    yield from ()
    return store_key(new, source, change)


def _judging(wanted: WantedKey, caller: Caller) -> Callable[[View], KeyDetail | None]:
    def judge(view: View) -> KeyDetail | None:
        earlier = None if wanted.once is None else wanted.once.earlier(view.tx, view.sealer, caller, view.now)
        if earlier is not None:
            key = load_key(view, earlier)
            return detail_of(view, key, current_version(view, key))
        prepare_key(view, wanted.new, algorithm_named(wanted.new.algorithm))
        return None

    return judge
