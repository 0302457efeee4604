"""Where a program of bpf/ finds its arguments, by probe site: what a cookie says besides the site.

The lowest 16 bits of a cookie are the site's index; four bits each say in which register the
arguments of the program are, and the highest four what the items of a queue are (bpf/maps.h). An
item takes as many registers as it has words.
"""

import re

from whowoke.tracer.versions import read_table

# In the order in which Go's calling convention uses them (amd64); 0 stands for none.
REGISTERS = ("", "ax", "bx", "cx", "di", "si", "r8", "r9", "r10", "r11")
# enum ww_item in bpf/maps.h: number, and words in registers.
ITEMS = {"request": (1, 4), "text": (2, 2), "any": (3, 2)}
SITE_BITS = 16
_ITEM_SHIFT = 44

_TYPE_ARGUMENT = re.compile(r"\[(?:go\.shape\.)?(.*)\]\)")


def item_type(function: str) -> str:
    """The type argument of a generic queue's or controller's method, empty for others."""
    match = _TYPE_ARGUMENT.search(function)
    return match[1] if match else ""


def encode(registers: tuple[str, ...], item: str, function: str) -> int | None:
    """The part of a cookie above the site; None if it isn't known what the items are.

    ``item`` is what the first argument is, one of ``ITEMS``, or ``generic`` where the type argument
    of the function says it. The register ``behind`` is the one after the item.
    """
    numbers = [REGISTERS.index(name) for name in registers if name != "behind"]
    kind, words = 0, 0
    if item:
        name = items().get(item_type(function), "") if item == "generic" else item
        if name not in ITEMS:
            return None
        kind, words = ITEMS[name]
    if "behind" in registers:
        numbers.append(numbers[0] + words)
    packed = sum(number << 4 * slot for slot, number in enumerate(numbers))
    return packed | kind << _ITEM_SHIFT


def items() -> dict[str, str]:
    """What the items of a queue are, by its type argument."""
    known: dict[str, str] = read_table("probes.toml")["items"]
    return known
