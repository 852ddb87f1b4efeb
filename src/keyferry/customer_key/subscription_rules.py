"""Rules about the subscription that a vault is in."""

from collections.abc import Callable
from typing import Final

from keyferry.clouds.azure.facts import Subscription
from keyferry.customer_key import remedies, sources
from keyferry.customer_key.lines import Finding, Weight, fails, passes, unseen
from keyferry.customer_key.pair import Member, Unread
from keyferry.customer_key.rules import Context, MemberRule

INELIGIBLE_OFFERS: Final = {
    "FreeTrial": "a free trial",
    "LightweightTrial": "a trial",
    "AzurePass": "an Azure Pass",
    "Sponsored": "a sponsorship",
    "MSDN": "an MSDN subscription",
    "DreamSpark": "a student's free subscription",
    "AzureForStudents": "a student's free subscription",
}
"""What a quota id begins with, of the offers that Microsoft names as not eligible: free, trial, sponsorship, MSDN.

`MSDNDevTest_2014-09-01` is the quota id of every development and test offer for MSDN subscribers, pay-as-you-go's too.
Legacy support has no quota id that is known.
"""

ELIGIBLE_OFFERS: Final = {
    "PayAsYouGo": "pay as you go",
    "EnterpriseAgreement": "an Enterprise Agreement",
    "MonetaryCommitment": "a monetary commitment",
    "CSP_": "a Cloud Solution Provider's",
}
"""The same of offers that are paid. An offer in neither table is for a person to judge."""

Judge = Callable[[Subscription, Member], Finding]


def _of_subscription(judge: Judge) -> Callable[[Member, Context], Finding]:
    """Judge the subscription, or say that it cannot be seen."""

    def judged(member: Member, _: Context) -> Finding:
        if not isinstance(member.subscription, Unread):
            return judge(member.subscription, member)
        id_ = member.subscription_id or "SUBSCRIPTION-ID"
        return unseen(member.subscription.reason, remedies.show_subscription(id_))

    return judged


def _enabled(subscription: Subscription, _: Member) -> Finding:
    if subscription.state == "Enabled":
        return passes(f"Subscription {subscription.id} is enabled.")
    return fails(
        f"Subscription {subscription.id} is in the state {subscription.state or 'unknown'}.",
        remedies.enable_subscription(subscription.id),
    )


def _offer(subscription: Subscription, member: Member) -> Finding:
    offer = subscription.offer
    if not offer:
        reason = f"The offer of subscription {subscription.id} is not shown."
        return unseen(reason, remedies.show_subscription(subscription.id))
    for beginning, words in INELIGIBLE_OFFERS.items():
        if offer.lower().startswith(beginning.lower()):
            found = f"Subscription {subscription.id} is {words} ({offer})."
            return fails(found, remedies.new_vault(member, "PAID-SUBSCRIPTION-ID"))
    for beginning, words in ELIGIBLE_OFFERS.items():
        if offer.lower().startswith(beginning.lower()):
            return passes(f"The subscription is paid: {words} ({offer}).")
    reason = f"Whether the offer {offer} counts as paid is not known to Keyferry."
    return unseen(reason, remedies.show_subscription(subscription.id))


RULES: Final = (
    MemberRule(
        id="subscription-enabled",
        wanted="The subscription is enabled.",
        weight=Weight.REQUIRED,
        source=sources.SET_UP,
        judge=_of_subscription(_enabled),
    ),
    MemberRule(
        id="subscription-offer",
        wanted="The subscription is paid: not free, trial, sponsorship, MSDN or legacy support.",
        weight=Weight.REQUIRED,
        source=sources.SET_UP,
        judge=_of_subscription(_offer),
    ),
)
"""In the order in which they are told."""
