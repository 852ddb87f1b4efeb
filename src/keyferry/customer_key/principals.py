"""Service principals that a person names, where Microsoft Graph does not show them."""

from collections.abc import Mapping, Sequence

from keyferry.customer_key.workloads import ONBOARDING, ONBOARDING_APPLICATION, workload_named
from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped


def read_principals(given: Sequence[str]) -> dict[str, str]:
    """`WORKLOAD=OBJECT-ID` words, as application ids and object ids; `onboarding` is the onboarding service's.

    Raises:
        InvalidInput: one is of another form.
    """
    return principals_named(dict(word.partition("=")[::2] for word in given))


def principals_named(given: Mapping[str, str]) -> dict[str, str]:
    """Object ids by application id, from those by the workload's name; `onboarding` is the onboarding service's.

    Raises:
        InvalidInput: there is no such workload, or an object id is none.
    """
    found = {}
    for name, object_id in given.items():
        if not is_id_shaped(object_id.lower()):
            raise InvalidInput(
                "A principal is not given as WORKLOAD=OBJECT-ID.",
                field="principal",
                advice="Find the object id with: az ad sp show --id APPLICATION-ID --query id --output tsv",
            )
        application = ONBOARDING_APPLICATION if name == ONBOARDING else workload_named(name).application_id
        found[application] = object_id.lower()
    return found
