"""One's own second factors at the console: set up, removed, recovery codes made anew."""

from typing import Any

from starlette.responses import Response

from keyferry.custody.factors import Again
from keyferry.material.secret import Secret
from keyferry.web.addresses import user_address
from keyferry.web.forms import Form
from keyferry.web.pages import form_page
from keyferry.web.sign_in_steps import TotpPage
from keyferry.web.visits import Visit


async def show_new_app(visit: Visit, form: Form) -> Response:
    """Add an authenticator app: its key, and the field for its first code."""
    factors = visit.custody.factors
    if form.was_sent:
        new = await visit.ask(factors.again_totp, form.raw("enrolment"))
    else:
        new = await visit.ask(factors.begin_totp)
    return visit.page("factors/new_app.html", form=form, totp=TotpPage.of(new), **await _present(visit))


async def add_app(visit: Visit, form: Form) -> Response:
    """Keep it, once the code is right."""
    kept = await visit.ask(
        visit.custody.factors.add_totp,
        form.raw("enrolment"),
        form.text("factor_name"),
        Secret(form.raw("code").encode()),
        again_of(form),
    )
    return _kept(visit, f"{kept.factor.name} is set up.", kept.codes)


async def show_new_passkey(visit: Visit, form: Form) -> Response:
    """Add a passkey."""
    options = await visit.ask(visit.custody.factors.begin_passkey)
    return visit.page("factors/new_passkey.html", form=form, options=options, **await _present(visit))


async def add_passkey(visit: Visit, form: Form) -> Response:
    """Keep what the browser has made."""
    kept = await visit.ask(
        visit.custody.factors.add_passkey, form.raw("passkey"), form.text("factor_name"), again_of(form)
    )
    return _kept(visit, f"{kept.factor.name} is set up.", kept.codes)


async def show_remove(visit: Visit, form: Form) -> Response:
    """Ask once more before a factor goes."""
    found = await visit.ask(visit.custody.factors.list)
    factor = next((each for each in found.factors if each.id == visit.path("factor")), None)
    if factor is None:
        return visit.go("/account", "There is no such second factor any more.", kind="warning")
    is_last = len(found.factors) == 1
    return visit.page("factors/remove.html", form=form, factor=factor, is_last=is_last, **await _present(visit))


async def remove(visit: Visit, form: Form) -> Response:
    """Take it away."""
    factor = await visit.ask(visit.custody.factors.remove, visit.path("factor"), again_of(form))
    return visit.go("/account", f"{factor.name} was removed.")


async def show_codes(visit: Visit, form: Form) -> Response:
    """New recovery codes in place of the old."""
    return visit.page("factors/codes_new.html", form=form, **await _present(visit))


async def make_codes(visit: Visit, form: Form) -> Response:
    """Make them, and show them this once."""
    codes = await visit.ask(visit.custody.factors.recovery_codes, again_of(form))
    return _kept(visit, "There are new recovery codes; those before them are good no more.", codes)


async def show_reset(visit: Visit, form: Form) -> Response:
    """Ask once more before another's factors go."""
    detail = await visit.ask(visit.custody.users.show, visit.path("name"))
    found = await visit.ask(visit.custody.factors.list, detail.user.id)
    return visit.page("users/reset_factors.html", form=form, user=detail.user, found=found)


async def reset(visit: Visit, _form: Form) -> Response:
    """Take them all away."""
    user = await visit.ask(visit.custody.factors.reset, visit.path("name"))
    words = f"The second factors of {user.name} were taken away; every session and token of theirs ended."
    return visit.go(user_address(user), words)


def again_of(form: Form) -> Again:
    """What a person has proven themselves with once more: a code where one was typed, else the password."""
    code, password = form.raw("current_code"), form.raw("current_password")
    if code.strip():
        return Again(code=Secret(code.encode()))
    return Again(password=Secret(password.encode()) if password else None)


def _kept(visit: Visit, words: str, codes: tuple[Secret, ...]) -> Response:
    if not codes:
        return visit.go("/account", words)
    return visit.page("factors/codes.html", words=words, codes=[code.reveal().decode() for code in codes])


async def _present(visit: Visit) -> dict[str, Any]:
    """What the person can prove themselves with."""
    found = await visit.ask(visit.custody.factors.list)
    has_code = bool(found.codes_left) or any(factor.kind == "totp" for factor in found.factors)
    return {"has_password": visit.person.user.password_hash is not None, "has_code": has_code}


routes = [
    form_page("/account/factors/app", show_new_app, add_app),
    form_page("/account/factors/passkey", show_new_passkey, add_passkey),
    form_page("/account/factors/recovery-codes", show_codes, make_codes),
    form_page("/account/factors/{factor}/remove", show_remove, remove),
    form_page("/users/{name}/factors", show_reset, reset),
]
