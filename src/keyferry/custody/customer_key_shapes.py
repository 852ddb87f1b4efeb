"""What a Customer Key request is made of, judged by its shape. What it says, `keyferry.customer_key` judges."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keyferry.custody.connection_facts import as_json, check_guid
from keyferry.custody.facts import LINE, Fact, Form, check_facts
from keyferry.custody.names import check_text
from keyferry.errors import Conflict, InvalidInput

LARGEST_DOCUMENT: Final = 16 * 1024
MOST_CHECK_LINES: Final = 200
LONGEST_COMMAND: Final = 4096
_DEEPEST: Final = 5

_WORD = re.compile(r"[a-zA-Z0-9-]{1,40}")


def _is_text(value: Any) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= LONGEST_COMMAND
        and all(line.isprintable() for line in value.split("\n"))
    )


_TEXT: Final = Form(_is_text, f"a text of at most {LONGEST_COMMAND} printable characters")
_OUTCOME: Final = Form(lambda value: value in {"passes", "fails", "cannot-be-seen"}, "passes, fails or cannot-be-seen")

#: a line of a check
CHECK_LINE: Final[Mapping[str, Fact]] = {
    "id": Fact(LINE),
    "subject": Fact(LINE),
    "weight": Fact(LINE),
    "outcome": Fact(_OUTCOME),
    "wanted": Fact(_TEXT),
    "found": Fact(_TEXT),
    "remedy": Fact(_TEXT, optional=True),
    "source": Fact(_TEXT, optional=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedKey:
    """One of the two keys: a deployment, or a key in a vault that Keyferry knows nothing of.

    Attributes:
        deployment: its id; the identifier is then what its import is recorded to have made.
        identifier: `https://HOST/keys/NAME`, with a version or without.
        subscription_id: the GUID of the subscription that the vault is in.
    """

    deployment: str | None = None
    identifier: str | None = None
    subscription_id: str

    def require_identifier(self) -> str:
        """Where it is.

        Raises:
            Conflict: (`deployment-not-imported`) its deployment has not brought it there yet.
        """
        if self.identifier is None:
            raise Conflict(
                f"The key of deployment {self.deployment} is not in its vault yet.",
                code="deployment-not-imported",
                field="keys",
                advice="Push it first.",
            )
        return self.identifier


def check_keys(keys: Sequence[RequestedKey]) -> str:
    """The two keys as a row keeps them.

    Raises:
        InvalidInput: not two, the same twice, or one that names both or neither of a deployment and an identifier.
    """
    if len(keys) != 2:
        raise InvalidInput(
            f"{len(keys)} keys are named; a Customer Key is a pair.", field="keys", advice="Name two keys."
        )
    kept = [_key(key, f"keys.{index}") for index, key in enumerate(keys)]
    first, second = ((key["deployment"], (key["identifier"] or "").lower()) for key in kept)
    if first == second:
        raise InvalidInput(
            "The same key is named twice.", field="keys", advice="Name two keys, in vaults of two subscriptions."
        )
    return as_json(kept)


def check_workloads(workloads: Sequence[str], scenario: str | None) -> str:
    """What the keys are for, as a row keeps it; sorted, each once.

    Raises:
        InvalidInput: neither workloads nor a scenario, or words that are none.
    """
    if not workloads and scenario is None:
        raise InvalidInput(
            "Nothing is named that the keys shall be for.", field="workloads", advice="Name workloads, or a scenario."
        )
    for field, word in (*(("workloads", each) for each in workloads), ("scenario", scenario or "none")):
        if _WORD.fullmatch(word) is None or len(workloads) > 10:
            raise InvalidInput(
                f"{field} holds what is no word, or too many.",
                field=field,
                advice="Give words of 1 to 40 letters, digits and dashes; at most 10.",
            )
    return as_json(sorted(set(workloads)))


def check_document(document: Mapping[str, Any], field: str) -> str:
    """A JSON object of texts, numbers, truth values, lists and objects, as a row keeps it.

    Raises:
        InvalidInput: it is too large or too deep, or holds a control character; names `field`.
    """
    if not _plain(document, _DEEPEST) or len(text := as_json(document)) > LARGEST_DOCUMENT:
        raise InvalidInput(
            f"{field} is too large or too deep, or holds what is no printable text.",
            field=field,
            advice=f"Give at most {LARGEST_DOCUMENT} characters of JSON, not deeper than {_DEEPEST}.",
        )
    return text


def check_lines(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines of a check.

    Raises:
        InvalidInput: none, too many, or one of another shape; names `lines.N.MEMBER`.
    """
    if not 0 < len(lines) <= MOST_CHECK_LINES:
        raise InvalidInput(
            f"{len(lines)} lines are no check.", field="lines", advice=f"Give 1 to {MOST_CHECK_LINES} lines."
        )
    return [check_facts(line, CHECK_LINE, f"lines.{index}") for index, line in enumerate(lines)]


def counts_of(lines: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many lines have each outcome."""
    outcomes = [str(line["outcome"]) for line in lines]
    return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}


def keys_of(kept: str) -> list[RequestedKey]:
    """What `check_keys` kept."""
    return [RequestedKey(**key) for key in json.loads(kept)]


def _key(key: RequestedKey, field: str) -> dict[str, Any]:
    if (key.deployment is None) == (key.identifier is None):
        raise InvalidInput(
            "A key is named by a deployment or by its identifier.",
            field=field,
            advice="Give `deployment`, or `identifier` for a key that was not deployed by Keyferry.",
        )
    identifier = check_text(key.identifier, f"{field}.identifier", 512)
    if key.identifier is not None and not (identifier or "").startswith("https://"):
        raise InvalidInput(
            "The identifier does not begin with https://.",
            field=f"{field}.identifier",
            advice="Copy the Key Identifier from the key's page: https://HOST/keys/NAME/VERSION.",
        )
    return {
        "deployment": key.deployment,
        "identifier": identifier,
        "subscription_id": check_guid(key.subscription_id, f"{field}.subscription_id"),
    }


def _plain(value: Any, deep: int) -> bool:
    if deep < 0:
        return False
    if isinstance(value, Mapping):
        return all(
            isinstance(name, str) and name.isprintable() and _plain(each, deep - 1) for name, each in value.items()
        )
    if isinstance(value, list | tuple):
        return all(_plain(each, deep - 1) for each in value)
    if isinstance(value, str):
        return value.isprintable()
    return value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**53)
