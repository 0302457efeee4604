"""Timers as Go 1.22 and older keep them, in the memory of a process that is made by hand."""

import pytest

from tests.unit.go_memory import OLD_DELETED, OLD_MODIFIED, OLD_MODIFYING, FakeProcess
from whowoke.analysis.errors import UnsupportedError


def test_in_old_versions_too_a_stopped_timer_is_counted_and_a_modified_one_has_its_new_time():
    process = FakeProcess("1.22")
    process.timer(100, "runtime.other", 0, state=OLD_DELETED)
    process.timer(900, "runtime.other", 0, state=OLD_MODIFIED, heap_when=200)
    found = process.reader().read()
    assert [timer.due_ns for timer in found.timers] == [900]
    assert found.stopped == 1


def test_an_old_timer_that_is_being_changed_is_read_again():
    process = FakeProcess("1.22")
    timer = process.timer(200, "runtime.other", 0, state=OLD_MODIFYING)
    process.on_read = lambda reads: process.field(
        "runtime.timer", timer, "status", OLD_MODIFYING if reads < 20 else 1, 4
    )
    found = process.reader().read()
    assert [timer.due_ns for timer in found.timers] == [200]
    assert (found.unsettled, found.tries > 1) == (0, True)


def test_an_old_heap_that_is_out_of_order_is_no_heap():
    process = FakeProcess("1.22")
    first, second = (process.timer(when, "runtime.other", 0) for when in (200, 300))
    process.field("runtime.timer", second, "when", 100)
    with pytest.raises(UnsupportedError, match="aren't in order"):
        process.reader().read()
    process.field("runtime.timer", second, "when", 300)
    process.field("runtime.timer", first, "when", 150)
    with pytest.raises(UnsupportedError, match="isn't the soonest"):
        process.reader().read()


def test_an_old_timer_of_another_heap_is_not_believed():
    process = FakeProcess("1.22", processors=2)
    process.timer(100, "runtime.other", 0)
    timer = process.timer(200, "runtime.other", 0)
    process.field("runtime.timer", timer, "pp", process.processors[1])
    found = process.reader().read()
    assert [timer.due_ns for timer in found.timers] == [100]
    assert found.unsettled == 1
