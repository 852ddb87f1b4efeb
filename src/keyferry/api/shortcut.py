"""The short way to a route: past the framework's layers, for requests that its `Direct` can answer.

Between a request and its route, the framework looks through every route, opens stacks of exits and wraps what is sent
several times over, which costs more than a read of a key does. Which route a plain request is for, and how its refusal
is worded, is known here too; so such a request is answered here. Any other goes on as it came, unread.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from fastapi import Request
from starlette.convertors import PathConvertor
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keyferry.api.callers import GuardedRoute, receive_caller
from keyferry.api.problems import refused
from keyferry.errors import KeyferryError


class _Place(NamedTuple):
    """Where a route may be: the method, and how many slashes are in the path, since no parameter holds one."""

    method: str
    slashes: int


class Shortcut:
    """Middleware, the innermost.

    Args:
        routes: all that there are, in the order in which they are tried.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._routes: defaultdict[_Place, list[Route]] = defaultdict(list)
        for route in routes:
            if not isinstance(route, Route) or any(
                isinstance(each, PathConvertor) for each in route.param_convertors.values()
            ):
                break  # which routes follow it may depend on more than is looked at here
            for method in route.methods or ():
                self._routes[_Place(method, route.path.count("/"))].append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI 3 has it."""
        route = self._find(scope) if scope["type"] == "http" else None
        if route is None or route.direct is None:
            await self._app(scope, receive, send)
            return
        taken = _Taken(receive)
        request = Request(scope, taken.receive)
        try:
            answer = await route.direct.answer(request, await receive_caller(request))
        except (KeyferryError, HTTPException) as refusal:
            answer = refused(request, refusal)
        if answer is None:
            await self._app(scope, taken.again, send)
        else:
            await answer(scope, receive, send)

    def _find(self, scope: Scope) -> GuardedRoute | None:
        """The route that the framework would find, told to `scope` as it would; None if it is of another kind."""
        path: str = scope["path"]
        for route in self._routes.get(_Place(scope["method"], path.count("/")), ()):
            found = route.path_regex.match(path)
            if found is not None:
                if not isinstance(route, GuardedRoute):
                    return None
                convertors = route.param_convertors
                scope["route"] = route
                scope["path_params"] = {
                    name: convertors[name].convert(value) for name, value in found.groupdict().items()
                }
                return route
        return None


class _Taken:
    """What was read of a request's body, kept for whoever reads it again."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []

    async def receive(self) -> Message:
        """The next message, which is kept."""
        message = await self._receive()
        self._messages.append(message)
        return message

    async def again(self) -> Message:
        """From the first message on."""
        return self._messages.pop(0) if self._messages else await self._receive()
