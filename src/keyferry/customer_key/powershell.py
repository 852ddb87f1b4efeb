"""Values in a PowerShell command line.

A value stands in single quotes, in which PowerShell expands nothing; a quote in it is doubled. PowerShell takes four
typographic marks for single quotes as well (about_Quoting_Rules; CharTraits.IsSingleQuote in its source), so that these
are doubled too. Control characters and what rearranges a line are refused: whoever pastes the line must see what runs.
"""

import unicodedata

from keyferry.errors import InvalidInput

SINGLE_QUOTES = (
    "'"
    "\N{LEFT SINGLE QUOTATION MARK}"
    "\N{RIGHT SINGLE QUOTATION MARK}"
    "\N{SINGLE LOW-9 QUOTATION MARK}"
    "\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}"
)
"""Every character that ends a single-quoted string."""

# Controls, formats (which can reverse a line's direction), surrogates, unassigned; separators of lines and paragraphs.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})


def quoted(value: str, *, field: str | None = None) -> str:
    """`value` as one single-quoted PowerShell string.

    Args:
        field: the input field that it came from, for the error.

    Raises:
        InvalidInput: it holds a control character, or one that cannot be seen.
    """
    require_visible(value, field=field)
    return "'" + "".join(character * 2 if character in SINGLE_QUOTES else character for character in value) + "'"


def require_visible(value: str, *, field: str | None = None) -> None:
    """Refuse what a person cannot see in a line of text.

    Raises:
        InvalidInput: `value` holds a control character, a line end, or a character that has no shape of its own.
    """
    if any(unicodedata.category(character) in _UNSEEN for character in value):
        raise InvalidInput(
            "The text holds a control character, a line end, or a character that cannot be seen.",
            field=field,
            advice="Type it again, on one line, instead of pasting it.",
        )


def cmdlet(name: str, **parameters: str) -> str:
    """A cmdlet with its parameters, on one line: `New-Thing -Name 'value'`.

    Raises:
        InvalidInput: a value cannot be quoted; the field is the parameter's name.
    """
    return " ".join((name, *(f"-{each} {quoted(value, field=each)}" for each, value in parameters.items())))
