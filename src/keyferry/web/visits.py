"""A person at a page: who they are, what they sent, and the one way from a page to custody."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.custody.policy import Operation, Relation, Role, permits
from keyferry.custody.users import UserDetail
from keyferry.doors.addresses import address_of
from keyferry.errors import NotAuthenticated
from keyferry.material.secret import Secret
from keyferry.web import cookies
from keyferry.web.addresses import address
from keyferry.web.console import Console, console_of

__all__ = ["PAGE", "Visit", "address", "earlier_user", "receive"]

P = ParamSpec("P")
T = TypeVar("T")

#: rows of a list
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by a person who is signed in."""

    request: Request
    console: Console
    caller: Caller
    token: Secret
    person: UserDetail
    waiting: int = 0
    """How many requests wait for the person's approval."""

    @property
    def custody(self) -> Custody:
        """All of custody; its operations are for `ask`."""
        return self.console.services.custody

    @property
    def role(self) -> Role:
        """What a page shows follows from this; what may be done, custody says."""
        return Role(self.person.user.role)

    @property
    def is_administrator(self) -> bool:
        """Whether the person sees to users and groups."""
        return self.role is Role.ADMINISTRATOR

    @property
    def sees_everything(self) -> bool:
        """Whether the person is shown what belongs to others, too."""
        return self.role.sees_everything

    @property
    def handles_keys(self) -> bool:
        """Whether the person has keys of their own, or of groups."""
        return self.role.handles_keys

    def may(self, operation: str) -> bool:
        """Whether the person may do this to anything at all, so that a page offers it."""
        return any(permits(self.role, Operation(operation), relation) for relation in Relation)

    async def require(self, operation: Operation, relation: Relation = Relation.NONE) -> None:
        """For a page that is of no use to who may not do the operation to objects that stand so to them: anybody's,
        unless said otherwise. Custody is asked, and asked again when it is done.

        Raises:
            NotPermitted: the policy has it so; it is in the audit log.
        """
        await self.ask(self.custody.gate.require, operation, relation)

    @property
    def page_size(self) -> int:
        """How many rows a list shows."""
        settings = self.console.services.settings
        return min(PAGE, settings.max_page)

    @property
    def wants_part(self) -> bool:
        """Whether a script asks for the part of the page that changes, rather than for all of it."""
        return self.request.headers.get("hx-request") == "true"

    async def ask(self, operation: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an operation of custody for the person, in a worker thread."""
        return await self.work(partial(operation, self.caller, *args, **kwargs))

    async def enabled_providers(self) -> list[tuple[str, str]]:
        """The identity providers that people may sign in through now, as a form offers them."""
        single_sign_on = self.console.services.single_sign_on
        offers = [] if single_sign_on is None else await self.work(single_sign_on.offers)
        return [(offer.name, offer.name) for offer in offers]

    async def work(self, work: Callable[[], T]) -> T:
        """Run something that takes a while, in a worker thread."""
        return await self.console.services.crew.plain.run(work)

    def path(self, name: str) -> str:
        """A part of the page's address."""
        found: str = self.request.path_params[name]
        return found

    def query(self, name: str) -> str:
        """A value in the page's address, without the blanks around it; empty if it is not there."""
        return self.request.query_params.get(name, "").strip()

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """A page of the console for this person, with what the action before it came to."""
        message = cookies.take_message(self.request, self.token)
        response = self.console.render(
            template,
            status=status,
            visit=self,
            message=message,
            form_token=cookies.form_token(self.token),
            path=self.request.url.path,
            **context,
        )
        cookies.forget_message(self.request, response)
        return response

    def part(self, template: str, **context: Any) -> Response:
        """A part of a page."""
        return self.console.render(template, visit=self, form_token=cookies.form_token(self.token), **context)

    def go(self, path: str, message: str | None = None, *, kind: str = "done") -> Response:
        """Send the browser to a page of ours (RFC 9110 section 15.4.4), which says what was done."""
        response = RedirectResponse(path, 303)
        if message is not None:
            cookies.keep_message(self.request, response, cookies.Message(message, kind), self.token)
        return response


async def earlier_user(request: Request) -> str | None:
    """The id of the user whose session this browser keeps, though it may have ended; None for nobody's."""
    console, token = console_of(request), cookies.session_of(request)
    if token is None:
        return None
    text, address = token.reveal().decode(), address_of(request)
    return await console.services.crew.plain.run(partial(console.services.authenticator.whose, text, address))


async def receive(request: Request) -> Visit:
    """The person whom a request's session stands for.

    Raises:
        NotAuthenticated: nobody is signed in, or no longer.
    """
    console = console_of(request)
    token = cookies.session_of(request)
    if token is None:
        raise NotAuthenticated("Nobody is signed in.", advice="Sign in.")
    services, address = console.services, address_of(request)
    text = token.reveal().decode()
    run = services.crew.plain.run
    caller = services.authenticator.recognise(text, address)
    if caller is None:
        caller = await run(partial(services.authenticator.authenticate, text, address))
    person, waiting = await run(partial(_person, services.custody, caller))
    return Visit(request, console, caller, token, person, waiting)


def _person(custody: Custody, caller: Caller) -> tuple[UserDetail, int]:
    return custody.users.show(caller, caller.user_id), custody.approvals.waiting(caller)
