"""A secret shows itself to `reveal` alone: whatever else Python does to print a value shows its length."""

import copy
import io
import logging
import pickle
import traceback
from dataclasses import dataclass

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.typing import Processor

from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import Material
from keyferry.material.secret import Secret

VALUE = b"correct-horse-battery"
SHOWN = "Secret(…21 bytes…)"


@dataclass(frozen=True)
class Holder:
    name: str
    secret: Secret


@pytest.fixture
def secret() -> Secret:
    return Secret(VALUE)


def test_only_reveal_answers_the_bytes(secret: Secret) -> None:
    assert secret.reveal() == VALUE
    assert len(secret) == 21


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        lambda it: f"{it}",
        lambda it: f"{it!r}",
        "{}".format,
        "{!r:>30}".format,
        lambda it: "%s" % it,  # noqa: UP031  # each way to format is tried
        lambda it: "%r" % it,  # noqa: UP031  # (as above)
        lambda it: str([it]),
        lambda it: str({"secret": it}),
        lambda it: repr(Holder("a", it)),
        lambda it: repr(Material(ALGORITHMS["aes-128"], it)),
    ],
)
def test_no_way_to_print_shows_more_than_the_length(show: object, secret: Secret) -> None:
    assert callable(show)
    printed = show(secret)
    assert "21 bytes" in printed
    assert "horse" not in printed
    assert VALUE.hex() not in printed


def test_a_format_keeps_its_width(secret: Secret) -> None:
    assert f"{secret:>20}" == SHOWN.rjust(20)


def test_a_traceback_with_its_variables_shows_the_length_alone(secret: Secret) -> None:
    def fail(held: Secret) -> None:
        raise ValueError(f"cannot use {held}")

    with pytest.raises(ValueError) as failed:
        fail(secret)
    text = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())
    assert f"held = {SHOWN}" in text
    assert "horse" not in text


def test_a_log_line_shows_the_length_alone(secret: Secret, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("keyferry.test").warning("opened with %s", secret)
    assert caplog.messages == [f"opened with {SHOWN}"]


@pytest.mark.parametrize("renderer", [structlog.processors.JSONRenderer(), structlog.processors.KeyValueRenderer()])
def test_a_structured_log_line_shows_the_length_alone(renderer: Processor, secret: Secret) -> None:
    out = io.StringIO()
    log = structlog.wrap_logger(structlog.PrintLogger(out), processors=[renderer])
    log.warning("opened", secret=secret, held=Holder("a", secret))
    assert "21 bytes" in out.getvalue()
    assert "horse" not in out.getvalue()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_never_pickled(protocol: int, secret: Secret) -> None:
    for value in (secret, Holder("a", secret), [secret]):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(value, protocol)


def test_it_is_never_copied_behind_ones_back(secret: Secret) -> None:
    with pytest.raises(TypeError):
        copy.copy(secret)
    with pytest.raises(TypeError):
        copy.deepcopy([secret])


def test_it_is_not_compared_in_variable_time(secret: Secret) -> None:
    for other in (secret, Secret(VALUE), VALUE):
        with pytest.raises(TypeError, match=r"hmac\.compare_digest"):
            assert secret == other
        with pytest.raises(TypeError, match=r"hmac\.compare_digest"):
            assert secret != other


def test_it_is_no_dictionary_key(secret: Secret) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(secret)


def test_it_keeps_no_attributes(secret: Secret) -> None:
    with pytest.raises(TypeError):
        vars(secret)
    with pytest.raises(AttributeError):
        secret.note = "x"  # type: ignore[attr-defined]  # this is what must not work


def test_it_copies_what_may_change() -> None:
    buffer = bytearray(b"abc")
    secret = Secret(buffer)  # type: ignore[arg-type]  # an untyped caller's mistake, which must not matter
    buffer[:] = b"xyz"
    assert secret.reveal() == b"abc"


@given(value=st.binary(min_size=4, max_size=64))
def test_no_value_shows(value: bytes) -> None:
    assert repr(Secret(value)) == str(Secret(value)) == f"Secret(…{len(value)} bytes…)"
    assert Secret(value).reveal() == value
