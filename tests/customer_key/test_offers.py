"""What a subscription was bought under, judged by the check and, without any shared code, by the emulator.

Source of the quota ids: learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgt-data, the table of
supported offers, and learn.microsoft.com/azure/azure-resource-manager on subscriptionPolicies.
"""

from dataclasses import replace
from typing import Any

import pytest
from tests.customer_key.pairs import about_first, member

from keyferry.clouds.azure.facts import Subscription
from keyferry.customer_key.lines import Outcome
from keyferry.customer_key.subscription_rules import ELIGIBLE_OFFERS, INELIGIBLE_OFFERS
from keyferry.emulator.onboarding.member_rules import INELIGIBLE

NOT_ELIGIBLE = (
    "FreeTrial_2014-09-01",
    "LightweightTrial_2016-09-01",
    "AzurePass_2014-09-01",
    "Sponsored_2016-01-01",
    "MSDN_2014-09-01",
    "MSDNDevTest_2014-09-01",
    "DreamSpark_2015-02-01",
    "AzureForStudents_2018-01-01",
    "msdn_2014-09-01",
)
PAID = ("PayAsYouGo_2014-09-01", "EnterpriseAgreement_2014-09-01", "MonetaryCommitment_2015-05-01", "CSP_2015-05-01")
#: for a person to judge: Microsoft's page does not name them
NOT_KNOWN = ("CSPDEVTEST_2018-05-01", "MPN_2014-09-01", "AzureInOpen_2014-09-01", "BizSpark_2014-09-01", "Internal_1")


def bought_under(offer: str) -> dict[str, Any]:
    subscription = member(0).subscription
    assert isinstance(subscription, Subscription)
    return {"subscription": replace(subscription, offer=offer)}


@pytest.mark.parametrize(
    ("offer", "outcome"),
    [
        *((offer, Outcome.FAILS) for offer in NOT_ELIGIBLE),
        *((offer, Outcome.PASSES) for offer in PAID),
        *((offer, Outcome.UNSEEN) for offer in NOT_KNOWN),
    ],
)
def test_an_offer_is_judged_by_its_quota_id(offer: str, outcome: Outcome) -> None:
    line = about_first("subscription-offer", **bought_under(offer))
    assert line.outcome is outcome
    assert offer in line.found
    assert (line.remedy is None) == (outcome is Outcome.PASSES)


@pytest.mark.parametrize("offer", [*NOT_ELIGIBLE, *PAID, *NOT_KNOWN])
def test_the_emulator_refuses_the_same_offers(offer: str) -> None:
    refused = offer.lower().startswith(tuple(each.lower() for each in INELIGIBLE))
    assert refused == (offer in NOT_ELIGIBLE)


def test_the_tables_name_the_same_offers() -> None:
    assert set(INELIGIBLE_OFFERS) == set(INELIGIBLE)
    assert set(ELIGIBLE_OFFERS).isdisjoint(INELIGIBLE_OFFERS)


def test_every_offer_that_is_not_eligible_was_shown() -> None:
    assert all(any(each.startswith(beginning) for each in NOT_ELIGIBLE) for beginning in INELIGIBLE_OFFERS)
