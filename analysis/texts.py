"""Texts that come from elsewhere: from the target, its logs, a file that anybody may have made."""

from typing import Any

MAX_NUMBER = (1 << 64) - 1
# What a spreadsheet takes for a formula, also in its wide forms, and the sign that prevents it.
NO_FORMULA = "'"
FORMULA_STARTS = (*"=+-@\t\r\uff1d\uff0b\uff0d\uff20", NO_FORMULA)


def printable(text: str, keep: str = "") -> str:
    """The text with a replacement character for each that a terminal would act on.

    Those are all that aren't printable (``str.isprintable``) and not in ``keep``: controls, line
    ends, marks that turn the direction of writing, invisible ones, halves of surrogate pairs.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def plain(value: Any) -> Any:
    """A value of JSON with all its texts printable; a number that 64 bits can't hold is None.

    Raises RecursionError for one that is too deep.
    """
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): plain(item) for key, item in value.items()}
    if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        return None  # not a number, too
    return value
