"""A new password: typed twice, and how hard it is to guess, told while it is being typed."""

from starlette.responses import Response

from keyferry.errors import InvalidInput
from keyferry.identity.passwords import MAX_CHARACTERS, check_new_password
from keyferry.material.secret import Secret
from keyferry.strength import Strength, estimate
from keyferry.web.forms import Form
from keyferry.web.pages import action
from keyferry.web.visits import Visit


def new_password(form: Form) -> Secret:
    """What was typed as Password.

    Raises:
        InvalidInput: Confirm Password is another.
    """
    given, again = form.raw("password"), form.raw("password_again")
    if given != again:
        raise InvalidInput(
            "The two passwords are not the same.",
            code="password-refused",
            field="password_again",
            advice="Type the password again, twice.",
        )
    return Secret(given.encode())


def judge(password: str, user_name: str) -> tuple[Strength | None, InvalidInput | None]:
    """An estimate, and the refusal that the password would get. No estimate of none, or of a much too long one."""
    if not password:
        return None, None
    try:
        return check_new_password(Secret(password.encode()), user_name=user_name), None
    except InvalidInput as refusal:
        strength = None if len(password) > MAX_CHARACTERS else estimate(password, [user_name] if user_name else [])
        return strength, refusal


async def tell_strength(visit: Visit, form: Form) -> Response:
    """The part below the field. What was typed is neither kept nor logged."""
    strength, refusal = await visit.work(lambda: judge(form.raw("password"), form.text("name")))
    return visit.part("strength.html", strength=strength, refusal=refusal)


routes = [action("/strength", tell_strength, tell_strength)]
