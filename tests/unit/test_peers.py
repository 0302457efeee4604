"""Connections: answers, what a peer pushes, and system calls with their peers."""

import pytest

from tests.unit.go_stacks import (
    AFTER_FUNC,
    H2,
    IN_OWN_READ,
    IN_POLLER,
    IN_READ_LOOP,
    IN_RENEW,
    IN_ROUND_TRIP,
)
from tests.unit.scenes import due, wakeups
from tests.unit.synthetic import WORKER, Synthetic
from whowoke.analysis.output.outputs import analyse

POLL = "internal/poll.runtime_pollWait"
WRITE = 1
FUTEX = 202
CLOSE = 3


def test_what_a_peer_pushes_is_told_with_the_peer():
    c = Synthetic()
    c.peer(5, "10.0.0.9:5432")
    c.at(5).descriptor(70, IN_OWN_READ)
    row = wakeups(c).iloc[0]
    assert (row["cause"], row["subject"], row["peer"]) == (
        "network.response",
        *["10.0.0.9:5432"] * 2,
    )
    assert row["location"].endswith(":21")


def test_what_a_goroutine_asked_for_itself_continues_its_cause():
    c = Synthetic()
    c.metadata["sockets"] = [{"fd": 5, "local": "1.1.1.1:99", "peer": "10.0.0.9:5432"}]
    c.at(1).fire(70, IN_POLLER)
    c.at(2).call(70, WRITE, 5)
    c.at(3).descriptor(70, IN_OWN_READ)
    c.at(4).descriptor(70, IN_OWN_READ)
    frame = wakeups(c)
    assert frame["cause"].tolist() == ["operator.timer"] * 3
    assert frame["continuation_of"].fillna(0).tolist() == [0, 1, 1]
    assert frame["peer"].fillna("").tolist() == ["", "10.0.0.9:5432", "10.0.0.9:5432"]


def test_to_acknowledge_what_a_peer_pushes_asks_nothing():
    c = Synthetic()
    for ms in (1, 3, 5):
        c.at(ms).descriptor(70, IN_OWN_READ)
        c.at(ms + 1).call(70, WRITE, 5)
    frame = wakeups(c)
    assert frame["cause"].tolist() == ["network.response"] * 3
    assert frame["continuation_of"].isna().all()


def test_a_write_to_another_descriptor_asks_nothing_here():
    c = Synthetic()
    c.at(1).fire(70, IN_POLLER)
    c.at(2).call(70, WRITE, 6)
    c.at(3).descriptor(70, IN_OWN_READ)
    assert wakeups(c)["cause"].tolist() == ["operator.timer", "network.response"]


def test_to_wait_until_one_may_write_begins_nothing():
    c = Synthetic()
    c.at(1).fire(70, IN_POLLER)
    c.at(3).descriptor(70, (POLL, "net.(*conn).Write", "main.send"), mode="w")
    assert wakeups(c)["continuation_of"][1] == 1


def test_an_http1_body_is_part_of_the_answer():
    c = Synthetic()
    c.at(1).fire(70, IN_POLLER)
    c.at(3).descriptor(70, (POLL, "net/http.(*body).Read", "main.ask"))
    assert wakeups(c)["continuation_of"][1] == 1


@pytest.mark.parametrize("before", [True, False])
def test_a_connection_that_others_opened_is_inbound(before):
    c = Synthetic()
    if before:
        c.metadata["sockets"] = [
            {"fd": 3, "local": "0.0.0.0:99", "peer": ""},
            {"fd": 5, "local": "1.1.1.1:99", "peer": "10.0.0.9:5432"},
        ]
    else:
        c.peer(5, "10.0.0.9:5432", number=288)
    c.at(1).call(70, WRITE, 5)
    c.at(5).descriptor(70, IN_OWN_READ)
    row = wakeups(c).iloc[0]
    assert (row["origin"], row["cause"], row["subject"]) == (
        "inbound",
        "http.other",
        "10.0.0.9:5432",
    )


def test_a_descriptor_has_the_peer_of_its_time():
    c = Synthetic()
    for ms, peer in ((1, "a:1"), (5, "b:2")):
        c.at(ms).peer(5, peer)
        c.at(ms + 1).descriptor(70, IN_OWN_READ)
    assert wakeups(c)["peer"].tolist() == ["a:1", "b:2"]


TAKEN_OFF = "over budget: on_sys_enter taken off"


@pytest.mark.parametrize("number", [42, 288])
@pytest.mark.parametrize("kind", [TAKEN_OFF, "syscall", "skipped on_sys_exit"])
def test_where_calls_were_lost_a_descriptor_may_be_another_connection(number, kind):
    c = Synthetic()
    c.peer(5, "10.0.0.9:5432", number=number)
    c.at(1).descriptor(70, IN_OWN_READ)
    c.lost.append((c.at(3000).now, kind, 1))
    c.at(3001).fire(70, IN_POLLER)
    c.at(3002).descriptor(70, IN_OWN_READ)
    c.at(3003).descriptor(50, IN_READ_LOOP)
    frame = wakeups(c)
    assert frame["cause"].tolist()[0] == ("network.response" if number == 42 else "http.other")
    # By its stack a goroutine of a client: that needs no peer.
    assert frame["cause"].tolist()[2:] == ["unknown", "transport.other"]
    assert frame["peer"].fillna("").tolist() == ["10.0.0.9:5432", "", "", ""]


def test_what_is_seen_after_a_loss_is_known_again():
    c = Synthetic()
    c.lost.append((c.at(3000).now, "syscall", 1))
    c.at(3001).peer(5, "10.0.0.9:5432", number=288)
    c.at(3002).descriptor(70, IN_OWN_READ)
    c.lost.append((c.at(9000).now, TAKEN_OFF, 1))
    c.at(9001).peer(5, "10.0.0.9:5432", number=288)
    c.at(9002).descriptor(70, IN_OWN_READ)
    assert wakeups(c)["cause"].tolist() == ["http.other", "unknown"]


def test_an_answer_has_its_peer():
    c = Synthetic()
    c.peer(5, "10.0.0.1:443")
    c.at(1).fire(10, IN_RENEW)
    c.at(3).descriptor(50, IN_READ_LOOP)
    c.ready(50, 10, IN_ROUND_TRIP)
    row = wakeups(c).iloc[1]
    assert (row["cause"], row["peer"]) == ("leader_election.renew", "10.0.0.1:443")


def test_an_answer_to_a_worker_that_never_sleeps_is_known_by_its_reconcile():
    c = Synthetic()
    c.at(1).reconcile("a", after_ms=10)
    due(c, 12.1, "a")
    c.at(13).reconcile("a", after_ms=10, work_ms=4)
    c.at(15).descriptor(50, IN_READ_LOOP)
    c.ready(50, WORKER, IN_ROUND_TRIP)
    frame = wakeups(c)
    assert frame["cause"].tolist() == ["requeue.after", "requeue.after"]
    assert frame["continuation_of"].fillna(0).tolist() == [0, 1]


def test_a_ping_and_its_answer():
    c = Synthetic()
    c.at(1).fire(callback=AFTER_FUNC, function=f"{H2}.(*ClientConn).healthCheck-fm", tid=3)
    c.new(0, 40, tid=3)
    c.at(2).descriptor(50, IN_READ_LOOP)
    c.ready(50, 40, ("runtime.selectgo", f"{H2}.(*ClientConn).Ping"))
    frame = wakeups(c)
    assert frame["cause"].tolist() == ["http2.ping"] * 2
    assert frame["continuation_of"][1] == 1


def test_system_calls_have_peer_and_bytes():
    c = Synthetic()
    c.peer(5, "10.0.0.1:443")
    c.at(2).call(70, WRITE, 5, result=12)
    c.at(3).call(70, FUTEX, 5, result=0)
    frame = analyse(c)["syscalls"]
    assert frame["name"].tolist() == ["write", "futex"]
    assert frame["peer"].fillna("").tolist() == ["10.0.0.1:443", ""]
    assert frame["bytes"].fillna(-1).tolist() == [12, -1]
    assert frame["fd"].fillna(-1).tolist() == [5, -1]


def test_a_closed_descriptor_has_no_peer():
    c = Synthetic()
    c.peer(5, "10.0.0.1:443")
    c.at(2).call(70, CLOSE, 5, ms=1, result=0)
    c.at(4).call(70, WRITE, 5, result=12)
    frame = analyse(c)["syscalls"]
    assert frame["name"].tolist() == ["close", "write"]
    assert frame["peer"].fillna("").tolist() == ["10.0.0.1:443", ""]


def test_a_watched_file_is_no_peers():
    c = Synthetic()
    c.peer(5, "10.0.0.1:443")
    c.at(5).descriptor(70, (POLL, "os.(*File).Read", "github.com/fsnotify/fsnotify.(*W).read"))
    row = wakeups(c).iloc[0]
    assert (row["cause"], row["subject"]) == ("file.event", "github.com/fsnotify/fsnotify")
    assert wakeups(c)["peer"].isna().all()
