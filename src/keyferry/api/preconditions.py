"""Revisions as entity tags (RFC 9110 section 8.8.3): an answer carries one, and `If-Match` sends it back."""

from typing import Annotated

from fastapi import Depends, Header, Response


def tag(response: Response, revision: int) -> None:
    """Give the answer the entity tag of what it shows."""
    response.headers["ETag"] = f'"{revision}"'


def _revision(
    if_match: Annotated[
        str | None,
        Header(
            pattern=r'^(\*|"[0-9]{1,18}")$',
            description="The ETag of the answer that the change was made from; another revision is refused with 412.",
        ),
    ] = None,
) -> int | None:
    return None if if_match in {None, "*"} else int(if_match.strip('"'))


IfMatch = Annotated[int | None, Depends(_revision)]
