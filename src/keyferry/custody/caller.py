"""Who is calling, as a door has established it. What the caller may do is read from the database, never from here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in user, or a program that acts as one.

    Args:
        user_id: the user's id.
        token_id: the token that the request presented; None for a certificate, and while a session is being opened.
        address: the source address of the request; None for commands run on the server itself.
        certificate_id: the client certificate whose private key the caller has proved to hold; None for a token.
        workload_id: the binding by which a trusted issuer's token stands for the user; None for a token of ours.
        ticket_id: the ticket that the next step of a sign-in presented; it opens a session, and nothing else.
    """

    user_id: str
    token_id: str | None
    address: str | None
    certificate_id: str | None = None
    workload_id: str | None = None
    ticket_id: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from that nobody has signed in for."""

    address: str | None
