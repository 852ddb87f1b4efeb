"""`keyferry customer-key`: vault keys that Microsoft 365 encrypts under."""

from keyferry.cli.lazy import LazyGroup

_CLI = "keyferry.cli"

customer_key = LazyGroup(
    "customer-key",
    help="Microsoft 365 Customer Key: check a pair of vault keys, and ask for its onboarding.",
    places={
        "check": (f"{_CLI}.customer_key_check:check", "Check a pair of vault keys against all that onboarding wants."),
        "request": (f"{_CLI}.customer_key_requests:request", "Onboarding requests, from draft to answer."),
    },
)
