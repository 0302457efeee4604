"""Durations and shares as users write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whowoke.analysis.durations import UNITS_NS, format_duration, parse_duration, parse_percent
from whowoke.analysis.errors import UsageError

S = 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15s", 15 * S),
        ("500ms", S // 2),
        ("2m", 120 * S),
        ("1h", 3600 * S),
        ("1m30s", 90 * S),
        ("1h0m5s", 3605 * S),
        ("1.5h", 5400 * S),
        ("0.25s", S // 4),
        ("7ns", 7),
        ("3us", 3000),
        ("2.000000001s", 2 * S + 1),
    ],
)
def test_a_duration_is_read(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "15", "s", "-1s", "+1s", "1 s", "1s ", "1s30m", "1s1s", "1d", "1S", "1e3s", ".5s", "1.s",
     "0s", "0.1ns", "8761h", "99999999999999999999h", "\u0661s", "1s\n", "9" * 5000 + "s"],
)  # fmt: skip
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert caught.value.hint


@given(st.text(alphabet="0123456789.nusmh", max_size=12))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(UsageError):
        assert parse_duration(text) > 0


@given(st.lists(st.sampled_from(list(UNITS_NS)), min_size=1, unique=True))
def test_units_in_falling_order_add_up(units):
    units.sort(key=UNITS_NS.get, reverse=True)
    assert parse_duration("".join(f"3{unit}" for unit in units)) == sum(
        3 * UNITS_NS[unit] for unit in units
    )


@pytest.mark.parametrize(
    ("duration_ns", "expected"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (999.6, "1 us"),
        (S // 2, "500 ms"),
        (999_999_999, "1 s"),
        (15 * S, "15 s"),
        (15_004_000_000, "15 s"),
        (119 * S, "119 s"),
        (150 * S, "2m30s"),
        (3600 * S, "1h"),
        (-S, "-1 s"),
    ],
)
def test_a_duration_is_shown(duration_ns, expected):
    assert format_duration(duration_ns) == expected


@pytest.mark.parametrize(("text", "expected"), [("1%", 0.01), ("0.5 %", 0.005), ("100%", 1.0)])
def test_a_share_is_read(text, expected):
    assert parse_percent(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["1", "0%", "101%", "-1%", "%", "nan%", ""])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(UsageError):
        parse_percent(text)
