"""The text that a pattern's matches must contain."""

import re

import pytest

from whowoke.tracer.patterns import alternatives, required_text
from whowoke.tracer.plan import all_probes


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("runtime.sysmon", "runtime"),
        (r"runtime\.\(\*timer\)\.modify", "runtime.(*timer).modify"),
        (r"a/b\.\(\*q\[go\.shape\..*\]\)\.AddWithOpts", "a/b.(*q[go.shape."),
        ("longer(short)?x", "longer"),
        ("(inside|of a group)end", "end"),
        ("(a(b)c)d", "d"),
        ("one|two", ""),
        ("abcd*e", "abc"),
        ("abcd?efgh", "efgh"),
        ("abcd{0,2}ef", "abc"),
        ("abc+d", "abc"),
        (r"x\w+yy", "yy"),
        (r"[abc]+de[^\]x]", "de"),
        (r"\bab", "ab"),
        (r"^main\.\(\*R\)$", "main.(*R)"),
        ("(?i)abc", ""),
        ("(?:abc)def", "def"),
        ("", ""),
    ],
)
def test_required_text(pattern: str, text: str) -> None:
    assert required_text(pattern) == text


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("one", ["one"]),
        ("^one|two$", ["^one", "two$"]),
        (r"a(b|c)d|e[|]\|f|", ["a(b|c)d", r"e[|]\|f", ""]),
        ("(?i)one|two", ["(?i)one|two"]),
    ],
)
def test_alternatives(pattern: str, parts: list[str]) -> None:
    assert alternatives(pattern) == parts


def test_the_probes_functions_are_found_by_more_than_a_few_letters() -> None:
    for probe in all_probes():
        re.compile(probe.function)
        assert len(required_text(probe.function)) > 5 or "|" in probe.function, probe.function
