"""The judge of `make accuracy`: it must not be kind."""

import pandas as pd

from tests.accuracy import judge, queue
from tests.accuracy.diary import Note
from tests.accuracy.judge import Lines
from tests.accuracy.queue import Truth
from tests.accuracy.truth import Source, Wakes

MS = 1_000_000
WINDOW = (0, 10_000 * MS)
LINES = Lines({"arms": ("/loop/main.go:7",), "waits": ("/loop/main.go:9",), "asks": ("/m.go:3",)})
TICKER = Wakes("operator", "operator.ticker", "timer", marks=True)


def wakeup(ts_ms: int, **changes: object) -> dict[str, object]:
    row = {"wakeup_id": ts_ms, "ts_ns": ts_ms * MS, "kind": "timer", "origin": "operator"}
    row |= {"cause": "operator.ticker", "subject": pd.NA, "function": "main.run"}
    row |= {"location": "example.com/loop/main.go:7", "location_kind": "armed"}
    return row | {"continuation_of": pd.NA} | changes


def judged(rows: list[dict[str, object]], seen_ms: list[int]) -> tuple[int, int, int]:
    moments = [((ms - 60) * MS, (ms + 2) * MS) for ms in seen_ms]
    tally = judge.wakeups(pd.DataFrame(rows), TICKER, moments, LINES, WINDOW)
    return tally.right, tally.wrong, tally.unknown


def test_a_cause_at_its_moment_is_right() -> None:
    assert judged([wakeup(1000), wakeup(2000)], [1001, 2001]) == (2, 0, 0)


def test_a_moment_without_a_wakeup_is_unknown() -> None:
    assert judged([wakeup(1000)], [1001, 2001]) == (1, 0, 1)


def test_a_cause_without_its_moment_is_wrong() -> None:
    assert judged([wakeup(1000), wakeup(2000)], [1001]) == (1, 1, 0)


def test_another_cause_another_origin_and_another_line_are_wrong() -> None:
    for change in ({"cause": "operator.timer"}, {"origin": "library"}, {"location": "a/main.go:8"}):
        assert judged([wakeup(1000, **change)], [1001])[1] >= 1, change


def test_another_cause_beside_it_is_right_only_where_it_may_come_at_any_time() -> None:
    for beside, verdict in (("leader_election.renew", (1, 0, 0)), ("watch.event", (0, 1, 0))):
        row = wakeup(1000, origin="operator;client-go", cause=f"operator.ticker;{beside}")
        assert judged([row], [1001]) == verdict, beside


def test_an_unknown_cause_and_a_missing_line_are_unknown() -> None:
    for change in ({"cause": "unknown", "origin": "unknown"}, {"location": pd.NA}):
        assert judged([wakeup(1000, **change)], [1001]) == (0, 0, 1), change


def test_a_waiting_line_is_not_an_arming_line() -> None:
    waits = "example.com/loop/main.go:9"
    assert judged([wakeup(1000, location=waits, location_kind="waiting")], [1001]) == (1, 0, 0)
    assert judged([wakeup(1000, location=waits)], [1001]) == (0, 1, 0)


def test_a_callback_has_its_functions_line_and_no_line_of_the_standard_library() -> None:
    lines = Lines(LINES.marks | {"calls": ("/loop/main.go:12",)})
    moments = [(940 * MS, 1002 * MS)]
    for location, verdict in (("loop/main.go:12", 1), ("loop/main.go:7", 0), ("context.go:652", 0)):
        row = wakeup(1000, location=f"example.com/{location}", location_kind="callback")
        tally = judge.wakeups(pd.DataFrame([row]), TICKER, moments, lines, WINDOW)
        assert (tally.right, tally.wrong) == (verdict, 1 - verdict)


def test_counted_wakeups_may_be_neither_too_many_nor_too_few() -> None:
    expected = Wakes("operator", "operator.ticker", "timer", at="every 1s")
    for count, verdict in ((10, (10, 0, 0)), (15, (11, 4, 0)), (5, (5, 0, 3))):
        rows = [wakeup(n * 500) for n in range(count)]
        tally = judge.counted(pd.DataFrame(rows), expected, LINES, WINDOW)
        assert (tally.right, tally.wrong, tally.unknown) == verdict


def test_reconciles_with_other_causes_are_wrong() -> None:
    row = {"reconcile_id": 1, "name": "a", "start_ns": 100, "end_ns": 300}
    row |= {"result": "requeue_after", "location": "x/m.go:3"}
    source = Source("s", "s", reconciles="requeue.after", asks=True)
    truths = [Truth(200, "a", frozenset({"requeue.after", "watch.event"}), since_ns=150)]
    for causes, verdict in (
        ("requeue.after;watch.event", (1, 0, 0)),
        ("requeue.after", (0, 1, 0)),
        ("requeue.after;unknown", (0, 0, 1)),
    ):
        frame = pd.DataFrame([row | {"causes": causes}])
        tally = judge.reconciles(frame, truths, source, LINES, WINDOW, attached_ns=50)
        assert (tally.right, tally.wrong, tally.unknown) == verdict, causes
    tally = judge.reconciles(frame, truths, source, LINES, WINDOW, attached_ns=160)
    assert tally.judged == 0, "asked for before the attach"


def test_an_invented_reconcile_is_wrong_and_a_missed_one_unknown() -> None:
    row = {"reconcile_id": 1, "name": "a", "start_ns": 100, "end_ns": 300, "result": "success"}
    frame = pd.DataFrame([row | {"location": pd.NA, "causes": "watch.event"}])
    source = Source("s", "s", reconciles="watch.event")
    truths = [Truth(500, "a", frozenset({"watch.event"}), since_ns=400)]
    tally = judge.reconciles(frame, truths, source, LINES, WINDOW, attached_ns=0)
    assert (tally.right, tally.wrong, tally.unknown) == (0, 1, 1)


def replayed(notes: list[tuple[int, str, str]], classic: bool) -> list[set[str]]:
    diary = [Note(ms * MS, word, about) for ms, word, about in notes]
    return [set(truth.causes) for truth in queue.replay(diary, classic)]


def test_an_early_add_absorbs_a_pending_requeue_in_a_priority_queue_only() -> None:
    notes = [
        (0, "requeue", f"a {1000 * MS}"),
        (500, "add", "a watch.event"),
        (501, "reconcile", "a"),
        (1001, "reconcile", "a"),
    ]
    assert replayed(notes, classic=True) == [{"watch.event"}, {"requeue.after"}]
    assert replayed(notes[:3], classic=False) == [{"watch.event"}]


def test_adds_that_were_due_are_merged() -> None:
    notes = [
        (0, "requeue", f"a {1000 * MS}"),
        (1100, "add", "a watch.event"),
        (1101, "reconcile", "a"),
    ]
    for classic in (True, False):
        assert replayed(notes, classic) == [{"watch.event", "requeue.after"}]


def test_what_is_due_at_the_same_time_is_not_judged() -> None:
    notes = [
        (0, "requeue", f"a {1000 * MS}"),
        (999, "add", "a watch.event"),
        (1001, "reconcile", "a"),
    ]
    assert replayed(notes, classic=True) == [set()]
