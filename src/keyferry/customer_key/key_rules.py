"""Rules about a key as its vault tells of it."""

from collections.abc import Callable
from typing import Final

from keyferry.clouds.azure.facts import VaultKey
from keyferry.customer_key import remedies, sources
from keyferry.customer_key.lines import Finding, Weight, fails, passes, unseen
from keyferry.customer_key.pair import Member, Unread
from keyferry.customer_key.powershell import quoted
from keyferry.customer_key.remedies import LAST_MOMENT, moment
from keyferry.customer_key.rules import Context, MemberRule

SIZES: Final = (2048, 3072, 4096)
OPERATIONS: Final = ("wrapKey", "unwrapKey")
PROTECTED: Final = "Recoverable+ProtectedSubscription"
RECOVERABLE: Final = ("Recoverable", PROTECTED)

Judge = Callable[[VaultKey, Member, Context], Finding]


def _of_key(judge: Judge) -> Callable[[Member, Context], Finding]:
    """Judge the key, or say that it cannot be seen."""

    def judged(member: Member, context: Context) -> Finding:
        if isinstance(member.key, Unread):
            return unseen(member.key.reason, remedies.see_key(member))
        return judge(member.key, member, context)

    return judged


def _there(member: Member, _: Context) -> Finding:
    if not isinstance(member.key, Unread):
        return passes(f"{member.key.identifier} was read.")
    if member.key.absent:
        return fails(member.key.reason, remedies.push_again(member))
    return unseen(member.key.reason, remedies.see_key(member))


def _kind(key: VaultKey, member: Member, _: Context) -> Finding:
    if key.kty.upper() in {"RSA", "RSA-HSM"}:
        return passes(f"It is an RSA key ({key.kty}).")
    return fails(f"It is of type {key.kty}, which cannot wrap the service's keys.", remedies.push_again(member))


def _in_hsm(key: VaultKey, member: Member, _: Context) -> Finding:
    if key.kty.upper().endswith("-HSM"):
        return passes(f"It is protected by an HSM ({key.kty}).")
    return fails(f"It is of type {key.kty}, which is protected by software.", remedies.push_again(member))


def _size(key: VaultKey, member: Member, _: Context) -> Finding:
    if key.bits is None:
        return unseen("The vault does not tell its size.", remedies.see_key(member))
    if key.bits in SIZES:
        return passes(f"It has {key.bits} bits.")
    return fails(f"It has {key.bits} bits.", remedies.push_again(member))


def _enabled(key: VaultKey, member: Member, _: Context) -> Finding:
    if key.enabled:
        return passes("It is enabled.")
    return fails("It is disabled.", remedies.update_key(member, "--enabled", "true"))


def _begun(key: VaultKey, member: Member, context: Context) -> Finding:
    if key.not_before is None:
        return passes("It has no date before which it cannot be used.")
    when = moment(key.not_before)
    if key.not_before <= context.now:
        return passes(f"It can be used since {when}.")
    remedy = remedies.update_key(member, "--not-before", moment(context.now))
    return fails(f"It cannot be used before {when}.", remedy)


def _expiry(key: VaultKey, member: Member, _: Context) -> Finding:
    if key.expires is None:
        return passes("It does not expire.")
    if key.expires == LAST_MOMENT:
        return passes("It expires at 9999-12-31T23:59:59Z, which counts as never.")
    found = f"It expires at {moment(key.expires)}; an expiry that is once set can be changed, not removed."
    return fails(found, remedies.update_key(member, "--expires", moment(LAST_MOMENT)))


def _operations(key: VaultKey, member: Member, _: Context) -> Finding:
    held = {each.lower() for each in key.operations}
    missing = [each for each in OPERATIONS if each.lower() not in held]
    shown = ", ".join(key.operations) or "none"
    if not missing:
        return passes(f"Its operations are: {shown}.")
    remedy = remedies.update_key(member, "--ops", *OPERATIONS)
    return fails(f"Its operations are: {shown}. Missing: {', '.join(missing)}.", remedy)


def _only_wrapping(key: VaultKey, member: Member, _: Context) -> Finding:
    more = [each for each in key.operations if each.lower() not in {"wrapkey", "unwrapkey"}]
    if not more:
        return passes("It can wrap and unwrap, and nothing else.")
    found = f"It can also {', '.join(more)}, which no workload uses."
    return fails(found, remedies.update_key(member, "--ops", *OPERATIONS))


def _recovery_level(key: VaultKey, member: Member, context: Context) -> Finding:
    level = key.recovery_level
    if level is None:
        return unseen("The vault does not tell its recovery level.", remedies.see_key(member))
    wanted = (PROTECTED,) if context.mandatory_retention else RECOVERABLE
    if level in wanted:
        return passes(f"Its recovery level is {level}.")
    found = f"Its recovery level is {level}, not {' or '.join(wanted)}."
    if level == "Recoverable":
        return fails(found, register_retention(member))
    if level == "Recoverable+Purgeable":
        return fails(found, remedies.update_vault(member, "--enable-purge-protection", "true"))
    return fails(found, remedies.new_vault(member))


def register_retention(member: Member) -> str:
    """The PowerShell that asks for a mandatory retention period; an e-mail to Microsoft follows it."""
    subscription = member.subscription_id or "SUBSCRIPTION-ID"
    line = (
        f"Set-AzContext -Subscription {quoted(subscription)}; "
        "Register-AzProviderFeature -FeatureName mandatoryRetentionPeriodEnabled -ProviderNamespace Microsoft.Resources"
    )
    return remedies.command("pwsh", "-Command", line)


_REQUIRED: Final = (
    ("key-there", "The key is in the vault and can be read.", sources.SET_UP, _there),
    ("key-type", "The key is RSA: others cannot wrap.", sources.SET_UP, _of_key(_kind)),
    ("key-size", "The key has 2048, 3072 or 4096 bits.", sources.SET_UP, _of_key(_size)),
    ("key-enabled", "The key is enabled.", sources.KEY_ATTRIBUTES, _of_key(_enabled)),
    ("key-not-before", "The key can be used already.", sources.KEY_ATTRIBUTES, _of_key(_begun)),
    ("key-expiry", "The key has no expiry, or exactly 9999-12-31T23:59:59Z.", sources.SET_UP, _of_key(_expiry)),
    ("key-operations", "The key's operations include wrapKey and unwrapKey.", sources.SET_UP, _of_key(_operations)),
    (
        "key-recovery-level",
        "The key's recovery level is Recoverable, or Recoverable+ProtectedSubscription where that is demanded.",
        sources.LEGACY,
        _of_key(_recovery_level),
    ),
)
_RECOMMENDED: Final = (
    ("key-in-hsm", "The key is protected by an HSM.", sources.SET_UP, _of_key(_in_hsm)),
    ("key-only-wrapping", "The key can do nothing but wrap and unwrap.", sources.SET_UP, _of_key(_only_wrapping)),
)

RULES: Final = tuple(
    MemberRule(id=id_, wanted=wanted, weight=weight, source=source, judge=judge)
    for weight, rows in ((Weight.REQUIRED, _REQUIRED), (Weight.RECOMMENDED, _RECOMMENDED))
    for id_, wanted, source, judge in rows
)
"""In the order in which they are told."""
