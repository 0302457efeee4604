"""What watch streams bring, and which event is behind a reconcile."""

import time

from tests.unit.go_stacks import (
    BY_HANDLER,
    IN_ADD_BUFFER,
    IN_DO_REQUEST,
    IN_LISTENER,
    IN_POLLER,
    IN_POP,
    IN_READ_LOOP,
    IN_REFLECTOR,
    IN_ROUND_TRIP,
    IN_WATCH,
)
from tests.unit.scenes import resynced, told, wakeups
from tests.unit.synthetic import ADDER, HANDLER, Synthetic
from whowoke.analysis.output.outputs import analyse

STREAM = 60


def streamed(c, ms, *events, stream=STREAM):
    """One read brings events for one watch stream."""
    c.at(ms).descriptor(50, IN_READ_LOOP)
    c.ready(50, stream, IN_WATCH)
    for event in events:
        c.watch_event(stream, *event)


def handled(c, name, *, stream=STREAM, new=2, initial=False):
    """The informer hands a change on, and a handler adds it."""
    c.ready(stream, 61, IN_REFLECTOR)
    c.ready(61, 62, IN_POP)
    c.ready(62, HANDLER, IN_LISTENER)
    c.informer(HANDLER, 0 if initial else 1, new, initial)
    c.add(HANDLER, name, BY_HANDLER)
    c.ready(HANDLER, ADDER, IN_ADD_BUFFER)
    c.item_ready(ADDER, name)


def test_a_watch_event_is_told_with_kind_type_and_object():
    c = Synthetic()
    streamed(c, 5, ("MODIFIED", "*v1.ConfigMap", "a"))
    assert told(c) == [("watch.event", "*v1.ConfigMap MODIFIED ns/a")]


def test_several_events_in_one_read_are_all_named():
    c = Synthetic()
    streamed(c, 5, ("MODIFIED", "*v1.Pod", "a"), ("DELETED", "*v1.Pod", "b"))
    assert told(c) == [("watch.event", "*v1.Pod MODIFIED ns/a;*v1.Pod DELETED ns/b")]
    causes = analyse(c)["causes"]
    assert set(causes["subject"]) == {"*v1.Pod MODIFIED", "*v1.Pod DELETED"}


def test_objects_are_not_counted_apart():
    c = Synthetic()
    for index, name in enumerate(("a", "b", "c")):
        streamed(c, 5 + index, ("MODIFIED", "*v1.Pod", name))
    causes = analyse(c)["causes"]
    assert causes["wakeups"].tolist() == [3]
    assert causes["subject"].tolist() == ["*v1.Pod MODIFIED"]


def test_a_bookmark_changes_nothing():
    c = Synthetic()
    streamed(c, 5, ("BOOKMARK", "*v1.Pod"))
    assert told(c) == [("watch.bookmark", "*v1.Pod")]


def test_a_watch_that_ends_is_opened_again():
    c = Synthetic()
    streamed(c, 5, ("ADDED", "*v1.Pod", "a"))
    streamed(c, 9, ("",))
    c.ready(STREAM, 61, IN_REFLECTOR)
    c.at(10).descriptor(50, IN_READ_LOOP)
    c.ready(50, 61, IN_ROUND_TRIP)
    frame = wakeups(c)
    assert frame["cause"].tolist() == ["watch.event", "informer.rewatch", "informer.rewatch"]
    assert frame["subject"][1] == "*v1.Pod"
    assert frame["continuation_of"][2] == 2


def test_the_request_of_a_watch_ends_with_it_and_is_no_answer():
    c = Synthetic()
    c.at(1).fire(61, IN_POLLER)
    c.at(2).new(61, 90)
    c.at(9).descriptor(50, IN_READ_LOOP)
    c.ready(50, 90, IN_DO_REQUEST)
    c.ready(50, STREAM, IN_WATCH)
    c.watch_event(STREAM, "")
    frame = wakeups(c)
    assert frame["cause"][1] == "informer.rewatch"
    assert frame["continuation_of"].isna().all()


def test_the_end_of_another_request_is_its_answer():
    c = Synthetic()
    c.at(1).fire(61, IN_POLLER)
    c.at(2).new(61, 90)
    c.at(9).descriptor(50, IN_READ_LOOP)
    c.ready(50, 90, IN_DO_REQUEST)
    frame = wakeups(c)
    assert frame["cause"].tolist() == ["operator.timer", "operator.timer"]
    assert frame["continuation_of"][1] == 1


def test_a_watch_that_ends_with_an_error_is_listed_again():
    c = Synthetic()
    streamed(c, 5, ("ERROR", "*v1.Status"), ("",))
    assert [cause for cause, _ in told(c)] == ["informer.relist"]


def test_a_part_of_a_message_is_of_its_watch():
    c = Synthetic()
    streamed(c, 5)
    streamed(c, 6, ("MODIFIED", "*v1.Pod", "a"))
    assert told(c)[0] == ("watch.event", "*v1.Pod")


def test_a_reconcile_names_its_event_among_others():
    c = Synthetic()
    streamed(c, 5, ("MODIFIED", "*v1.Pod", "a"), ("MODIFIED", "*v1.Pod", "b"))
    handled(c, "b")
    c.reconcile("b")
    row = analyse(c)["reconciles"].iloc[0]
    assert (row["causes"], row["subjects"]) == ("watch.event", "*v1.Pod MODIFIED ns/b")


def test_an_event_of_another_stream_is_not_behind_an_add():
    c = Synthetic()
    c.at(5).descriptor(50, IN_READ_LOOP)
    for stream, kind in ((STREAM, "*v1.Pod"), (66, "*v1.Secret")):
        c.ready(50, stream, IN_WATCH)
        c.watch_event(stream, "MODIFIED", kind, "a")
    handled(c, "a")
    c.reconcile("a")
    assert analyse(c)["reconciles"]["subjects"][0] == "*v1.Pod MODIFIED ns/a"


def test_an_owner_is_added_for_the_objects_that_changed():
    c = Synthetic()
    streamed(c, 5, ("MODIFIED", "*v1.Pod", "web-1"))
    handled(c, "web")
    c.reconcile("web")
    assert analyse(c)["reconciles"]["subjects"][0] == "*v1.Pod MODIFIED ns/web-1"


def test_a_handler_that_is_still_at_work_finds_the_right_event():
    c = Synthetic()
    streamed(c, 5, ("MODIFIED", "*v1.Pod", "a"))
    handled(c, "a")
    streamed(c, 6, ("MODIFIED", "*v1.Pod", "b"))
    c.informer(HANDLER, 3, 4)
    c.add(HANDLER, "b", BY_HANDLER)
    c.item_ready(ADDER, "b")
    c.reconcile("b")
    assert analyse(c)["reconciles"]["subjects"][0] == "*v1.Pod MODIFIED ns/b"


def test_without_a_chain_the_event_of_that_object_is_named():
    c = Synthetic()
    streamed(c, 5, ("MODIFIED", "*v1.Pod", "a"))
    c.informer(HANDLER, 1, 2)
    c.add(HANDLER, "a", BY_HANDLER)
    c.item_ready(ADDER, "a")
    c.reconcile("a")
    row = analyse(c)["reconciles"].iloc[0]
    assert (row["causes"], row["subjects"]) == ("watch.event", "*v1.Pod MODIFIED ns/a")


def test_adds_of_the_first_list_have_the_informers_type():
    c = Synthetic()
    streamed(c, 5, ("MODIFIED", "*v1.Pod", "a"))
    handled(c, "a")
    c.at(6).informer(HANDLER, 0, 9, initial=True)
    c.add(HANDLER, "b", BY_HANDLER)
    c.item_ready(ADDER, "b")
    c.reconcile("b")
    row = analyse(c)["reconciles"].iloc[0]
    assert (row["causes"], row["subjects"]) == ("informer.relist", "*v1.Pod")


def test_a_change_that_a_relist_found_is_no_watch_event():
    c = Synthetic()
    c.at(5).fire(61, ("runtime.selectgo", "k8s.io/client-go/tools/cache.(*Reflector).Run"))
    handled(c, "a", stream=61)
    c.reconcile("a")
    assert analyse(c)["reconciles"]["causes"][0] == "informer.relist"


def test_a_stream_begins_with_the_list_if_the_informer_asked_for_it():
    """What comes up to the first bookmark is a list; after it, the same stream is a watch."""
    in_list = ("runtime.selectgo", "k8s.io/client-go/tools/cache.(*Reflector).watchList", "go")
    c = Synthetic()
    streamed(c, 5, ("ADDED", "*v1.Pod", "a"), ("BOOKMARK", "*v1.Pod"))
    c.ready(STREAM, 61, in_list)
    handled(c, "a")
    c.reconcile("a")
    streamed(c, 500, ("ADDED", "*v1.Pod", "b"))
    handled(c, "b")
    c.reconcile("b")
    assert wakeups(c)["cause"].tolist() == ["informer.relist", "watch.event"]
    assert analyse(c)["reconciles"]["causes"].tolist() == ["informer.relist", "watch.event"]


def test_a_change_that_the_operator_polled_for_is_its_ticker():
    """A watch made up by the operator: it polls and sends events to the informer."""
    c = Synthetic()
    c.at(5).fire(40, IN_POLLER, period_ms=10)
    handled(c, "a", stream=40)
    c.reconcile("a")
    assert analyse(c)["reconciles"]["causes"][0] == "operator.ticker"


def test_a_change_while_a_resync_is_handled_is_a_watch_event():
    c = Synthetic()
    resynced(c, 4, "a")
    c.informer(HANDLER, 1, 2)
    c.add(HANDLER, "b", BY_HANDLER)
    c.item_ready(ADDER, "b")
    c.reconcile("b")
    c.reconcile("a")
    assert analyse(c)["reconciles"]["causes"].tolist() == ["watch.event", "informer.resync"]


def test_ten_thousand_events_take_no_time_to_speak_of():
    c = Synthetic()
    for index in range(10_000):
        streamed(c, index, ("MODIFIED", "*v1.Pod", f"pod-{index % 7}"))
        handled(c, f"pod-{index % 7}")
    began = time.process_time()
    assert len(analyse(c)["wakeups"]) == 10_000
    assert time.process_time() - began < 6, "measured 1 s"
