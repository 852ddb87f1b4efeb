"""Every failure of Azure's SDK as an error of Keyferry's: what Azure said, and what to do about it.

Three things are told apart with care:

* a request that was not sent, or that was refused: nothing happened (`azure-unavailable`, `azure-forbidden`, ...);
* a request that changes something and whose answer did not come, or cannot be read: it may have happened
  (`AnswerLost`), so that the caller looks before trying again;
* an address or a challenge that would have led elsewhere: nothing was sent there (`azure-host-refused`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from keyferry.clouds.azure import advice
from keyferry.clouds.azure.answers import Answer, clean, read_answer
from keyferry.clouds.azure.connections import origin_of, trouble_of
from keyferry.clouds.azure.hosts import read_origin
from keyferry.clouds.azure.request import Request
from keyferry.clouds.azure.sign_in_failures import sign_in_failed
from keyferry.errors import AnswerLost, CloudFailed, KeyferryError, Overloaded

if TYPE_CHECKING:  # the SDK is loaded when it is used
    from azure.core.exceptions import AzureError, HttpResponseError

_WAIT_SECONDS: Final = 10
#: statuses after which nobody can tell whether a change was made
_UNCERTAIN: Final = frozenset({408, 500, 502, 504})
#: in what the SDK says where a token would have to leave without TLS: a redirection led there
_NO_TLS: Final = "not permitted for non-TLS"
_DELETED: Final = frozenset({"ObjectIsDeletedButRecoverable", "ObjectIsBeingDeleted"})


@contextmanager
def understood(request: Request) -> Iterator[None]:
    """Run calls of the SDK; what they raise becomes an error of Keyferry's.

    Raises:
        KeyferryError: whatever went wrong; see the module.
    """
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        raise judge(error, request) from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # How the SDK says that a challenge, an authority or an answer is not what it should be.
        raise _not_as_expected(error, request) from None


def judge(error: "AzureError", request: Request) -> KeyferryError:
    """What an exception of the SDK's means for `request`."""
    from azure.core.exceptions import ClientAuthenticationError, DecodeError, HttpResponseError, TooManyRedirectsError

    if isinstance(error, ClientAuthenticationError) and not _answers(error, request):
        return sign_in_failed(clean(error.message))
    if isinstance(error, TooManyRedirectsError):
        return _unreadable(request, "one redirection after another")
    if isinstance(error, HttpResponseError) and error.response is not None:
        answer = _read(error.response)
        if isinstance(error, DecodeError) and answer.status < 400:
            return _unreadable(request, "something that cannot be read")
        return refused(answer, request)
    return _unanswered(error, request)


def refused(answer: Answer, request: Request) -> KeyferryError:
    """What an answer other than success means."""
    told = f"{request.place} would not {request.what} ({answer})"
    if answer.status == 429:
        wait = answer.retry_after or _WAIT_SECONDS
        then = f"Wait {wait} seconds, then try again; do less at once."
        return Overloaded(told, code="azure-throttled", retry_after=wait, advice=then)
    if answer.status == 401:
        return sign_in_failed(answer.message, f"{request.place} did not take the sign-in ({answer})")
    if answer.status == 408 or answer.status >= 500:
        return _failing(answer, request)
    if answer.status < 400:
        return _unreadable(request, f"status {answer.status}")
    code, what_to_do = _meaning(answer, request)
    return CloudFailed(told, code=code, field=request.field, advice=what_to_do)


def _meaning(answer: Answer, request: Request) -> tuple[str, str | None]:
    """The code for a refusal, and the advice; None for none in particular."""
    if answer.inner == "KeyDisabled":
        kek = request.permission == "import"
        return ("kek-disabled" if kek else "azure-key-disabled"), advice.on_disabled(request, kek=kek)
    if answer.status == 403:
        return "azure-forbidden", advice.on_forbidden(answer, request)
    if answer.status == 404:
        return "azure-not-found", advice.on_missing(request)
    if answer.status == 409 and answer.inner in _DELETED:
        return "azure-name-deleted", advice.on_deleted_name(answer, request)
    return "azure-refused", None


def _failing(answer: Answer, request: Request) -> KeyferryError:
    if request.changes and answer.status in _UNCERTAIN:
        return lost(request, f"answered {answer}")
    wait = f"Wait {answer.retry_after} seconds" if answer.retry_after else "Wait a little"
    return CloudFailed(
        f"{request.place} is in trouble, and did not {request.what} ({answer})",
        code="azure-unavailable",
        advice=f"{wait}, then try again. Azure tells of disturbances at https://azure.status.microsoft",
    )


def _unanswered(error: "AzureError", request: Request) -> KeyferryError:
    """No answer came: what went wrong on the way, and whether the request had been sent."""
    inner = error.inner_exception or error
    if _NO_TLS in str(error.message):
        return CloudFailed(
            f"{request.place} led to an address without TLS; no token was sent there",
            code="azure-host-refused",
            advice="Try again; if it stays so, something between here and Azure changes answers.",
        )
    origin = origin_of(inner) or read_origin(f"https://{request.place}")
    trouble = trouble_of(inner)
    reached = str(origin) == request.place
    if request.changes and reached and not trouble.before_sending:
        return lost(request, "did not answer")
    return CloudFailed(
        f"{origin} {trouble.detail}: {clean(str(error.message))}",
        code=trouble.code,
        advice=trouble.advice,
    )


def lost(request: Request, how: str) -> AnswerLost:
    """The error for a change that may have been made."""
    look = f": az keyvault key list-versions {request.key_options}" if request.key else request.look or "."
    return AnswerLost(
        f"{request.place} was asked to {request.what}, and {how}: it may have been done",
        field=request.field,
        advice=f"Look whether it was done before trying again{look}",
    )


def _unreadable(request: Request, what: str) -> KeyferryError:
    if request.changes:
        return lost(request, f"answered with {what}")
    return CloudFailed(
        f"{request.place} was asked to {request.what}, and answered with {what}",
        code="azure-answer-refused",
        advice="Check that nothing between here and Azure answers in its place, such as a proxy's sign-in page.",
    )


def _not_as_expected(error: Exception, request: Request) -> KeyferryError:
    text = clean(str(error))
    if "challenge" in text.lower():
        said = text.partition(". ")[0]  # what follows tells programmers how to switch the check off
        return CloudFailed(
            f"{request.place} asks for a token that is for another place; it got none ({said})",
            code="azure-host-refused",
            advice="Check the vault's address, and that it belongs to the cloud that was named.",
        )
    if "authority" in text.lower():
        return sign_in_failed(text)
    return _unreadable(request, f"something that is no such answer ({type(error).__name__})")


def _answers(error: "HttpResponseError", request: Request) -> bool:
    """Whether the place that was asked said it, and not the authority that tokens come from."""
    response: Any = error.response
    asked = None if response is None else read_origin(response.request.url)
    return asked is not None and str(asked) == request.place


def _read(response: Any) -> Answer:
    try:
        document = response.json()
    except (ValueError, TypeError, AttributeError):
        document = None  # refusals of what stands before the service are no JSON
    return read_answer(response.status_code, response.headers, document)
