"""How the lines of a check are shown: a mark, a word, what was found, and the command that sets it right."""

import sys
from collections.abc import Sequence
from typing import Any, Final

from keyferry.cli.output import Output, warn
from keyferry.customer_key.lines import Line, Outcome, Subject, Verdict, Weight, counts, verdict
from keyferry.customer_key.pair import Pair
from keyferry.customer_key.workloads import Workload

MARKS: Final = {Outcome.PASSES: "✓", Outcome.FAILS: "✗", Outcome.UNSEEN: "?"}
PLAIN_MARKS: Final = {Outcome.PASSES: "+", Outcome.FAILS: "x", Outcome.UNSEEN: "?"}
WORDS: Final = {Outcome.PASSES: "passes", Outcome.FAILS: "fails", Outcome.UNSEEN: "cannot be seen"}
_WIDTH: Final = max(len(word) for word in WORDS.values())


def show_lines(out: Output, pair: Pair, workloads: Sequence[Workload], lines: Sequence[Line]) -> None:
    """Tell a check, as text or as JSON."""
    if out.as_json:
        out.facts(document(pair, workloads, lines), {})
        return
    headings = {
        Subject.FIRST: f"key 1: {pair.first.reference.text}",
        Subject.SECOND: f"key 2: {pair.second.reference.text}",
        Subject.PAIR: f"the pair, for {', '.join(each.name for each in workloads)}",
    }
    for subject, heading in headings.items():
        out.say(heading)
        for line in lines:
            if line.subject is subject:
                _show_line(out, line)
        out.say()
    out.say(summary(lines))
    warn(*(warning for member in pair.members for warning in member.reference.warnings))


def document(pair: Pair, workloads: Sequence[Workload], lines: Sequence[Line]) -> dict[str, Any]:
    """A check as `--json` prints it."""
    return {
        "verdict": verdict(lines).value,
        "counts": {outcome.value: count for outcome, count in counts(lines).items()},
        "workloads": [each.name for each in workloads],
        "keys": [
            {
                "identifier": member.reference.text,
                "subscription_id": member.subscription_id,
                "deployment": member.deployment,
                "warnings": list(member.reference.warnings),
            }
            for member in pair.members
        ],
        "lines": [line.document() for line in lines],
    }


def summary(lines: Sequence[Line]) -> str:
    """What the lines add up to, in a sentence or two."""
    required = [line for line in lines if line.weight is Weight.REQUIRED]
    recommended = [line for line in lines if line.weight is Weight.RECOMMENDED]
    failed, hidden = (counts(required)[outcome] for outcome in (Outcome.FAILS, Outcome.UNSEEN))
    advice = counts(recommended)[Outcome.FAILS]
    besides = f" {advice} recommended {_things(advice)} to be looked at." if advice else ""
    match verdict(lines):
        case Verdict.READY:
            return f"Ready: all {len(required)} required lines pass.{besides}"
        case Verdict.UNSEEN:
            told = f"Nothing required fails, but {hidden} of {len(required)} required lines could not be seen"
            return f"{told}: have them looked at by somebody who can.{besides}"
        case Verdict.NOT_READY:
            unseen = f", {hidden} could not be seen" if hidden else ""
            return f"Not ready: {failed} of {len(required)} required lines fail{unseen}.{besides}"


def _things(number: int) -> str:
    return "line is" if number == 1 else "lines are"


def _show_line(out: Output, line: Line) -> None:
    weight = "" if line.weight is Weight.REQUIRED else " (recommended)"
    out.say(f"  {_mark(line.outcome)} {WORDS[line.outcome]:<{_WIDTH}}  {line.wanted}{weight}")
    indent = " " * (_WIDTH + 6)
    if line.outcome is not Outcome.PASSES:
        out.say(f"{indent}{line.found}")
        out.say(f"{indent}run: {line.remedy}")
        out.say(f"{indent}see: {line.source}")


def _mark(outcome: Outcome) -> str:
    try:
        MARKS[outcome].encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN_MARKS[outcome]
    return MARKS[outcome]
