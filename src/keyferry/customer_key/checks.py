"""The check of a pair of vault keys, before it becomes a Customer Key.

It is pure: what it judges was read before, and a fact that could not be read gives a line that says so. The rules stand
in one file a subject; the order here is the order in which a person would set things right:

1. each key's subscription, vault, own attributes, permissions and backup;
2. the pair.
"""

from typing import Final

from keyferry.customer_key import backup_rules, key_rules, pair_rules, subscription_rules, vault_rules
from keyferry.customer_key.lines import Line, Subject
from keyferry.customer_key.pair import Pair
from keyferry.customer_key.permission_rules import permission_rules
from keyferry.customer_key.rules import Context
from keyferry.customer_key.workloads import Workload

SUBJECTS: Final = (Subject.FIRST, Subject.SECOND)


def check(pair: Pair, workloads: tuple[Workload, ...], *, now: int, legacy: bool = False) -> tuple[Line, ...]:
    """Every line about a pair; `keyferry.customer_key.lines.verdict` says what they add up to.

    Args:
        pair: the two keys, as far as they could be seen.
        workloads: those that the pair is for; at least one.
        now: Unix seconds.
        legacy: judge as for the FastTrack offer.
    """
    context = Context(pair=pair, workloads=workloads, now=now, legacy=legacy)
    rules = (
        *subscription_rules.RULES,
        *vault_rules.RULES,
        *key_rules.RULES,
        *permission_rules(workloads),
        *backup_rules.RULES,
    )
    lines = [
        rule.line(subject, member, context)
        for subject, member in zip(SUBJECTS, pair.members, strict=True)
        for rule in rules
    ]
    return (*lines, *(rule.line(context) for rule in pair_rules.RULES))
