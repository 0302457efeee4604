"""The one definition of every captured record.

A record's fields stand here once, with dtype, unit and meaning. ``bpf/events.h`` has the same
layout in C; ``tests/unit/test_schema.py`` compares both through the DWARF of the compiled header.
Numbers of kinds are stored in captures: never renumber one, a retired kind leaves a hole.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Field:
    """One column: ``dtype`` is numpy's name of it, ``unit`` what a number counts."""

    name: str
    dtype: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Record:
    """One kind of record. ``ring`` decides its fixed size, ``struct`` is its name in events.h."""

    kind: int
    name: str
    ring: Literal["threads", "go"]
    meaning: str
    fields: tuple[Field, ...]

    @property
    def struct(self) -> str:
        """Name of the C struct, ``ww_`` and the record's name."""
        return f"ww_{self.name}"


def _ns(name: str, meaning: str) -> Field:
    return Field(name, "<u8", "ns", meaning)


def _address(name: str, meaning: str) -> Field:
    return Field(name, "<u8", "address", meaning)


def _hash(name: str, meaning: str) -> Field:
    return Field(name, "<u8", "hash", meaning)


def _goid(name: str, meaning: str) -> Field:
    return Field(name, "<u8", "goroutine id", meaning)


KIND = Field("kind", "<u2", "enum", "which record this is")

THREAD_HEADER = (
    _ns("ts_ns", "CLOCK_MONOTONIC; of a system call its entry"),
    Field("tid", "<u4", "tid", "thread of the target that the record is about"),
    KIND,
    Field("number", "<u2", "number", "system call number, else 0"),
)

GO_HEADER = (
    _ns("ts_ns", "CLOCK_MONOTONIC at the probe"),
    _goid("goid", "goroutine that ran, 0 in the scheduler outside of any"),
    Field("tid", "<u4", "tid", "thread that ran"),
    KIND,
    Field("site", "<u2", "index", "which probe site of the capture's list was hit"),
)

KEY = (
    _hash("namespace", "namespace of the object"),
    _hash("object_name", "name of the object"),
)

RESULT = (
    Field("requeue", "<u8", "flag", "Result.Requeue"),
    Field("requeue_after_ns", "<i8", "ns", "Result.RequeueAfter"),
    Field("error", "<u8", "flag", "1: an error was returned"),
)

THREAD_RECORDS = (
    Record(
        1,
        "thread_waking",
        "threads",
        "sched:sched_waking of a thread of the target",
        (
            Field("waker_tid", "<u8", "tid", "current thread; a bystander in an interrupt"),
            _hash("kernel_stack", "stack of the waker: tells the context"),
        ),
    ),
    Record(
        2,
        "thread_off",
        "threads",
        "sched:sched_switch away from a thread of the target",
        (Field("state", "<u8", "bits", "prev_state; 0 is preempted, still runnable"),),
    ),
    Record(3, "thread_on", "threads", "sched:sched_switch to a thread of the target", ()),
    Record(
        4,
        "syscall",
        "threads",
        "one finished system call of the target",
        (
            _ns("duration_ns", "from entry to return"),
            Field("first", "<u8", "argument", "first argument: descriptor or futex address"),
            Field("second", "<u8", "argument", "second argument: futex operation, else as is"),
            Field("result", "<i8", "number", "return value, negative is -errno"),
            _goid("goid", "goroutine that called, 0 for the scheduler"),
        ),
    ),
    Record(
        5,
        "thread_start",
        "threads",
        "a new thread of the target returns from clone: it is on a CPU",
        (),
    ),
    Record(6, "thread_exit", "threads", "sched:sched_process_exit of a thread of the target", ()),
    Record(
        7,
        "signal",
        "threads",
        "signal:signal_generate for the target; number is the signal's",
        (Field("sender_pid", "<u8", "pid", "current process: the sender, unless in an interrupt"),),
    ),
    Record(
        8,
        "socket_address",
        "threads",
        "a socket got a peer by connect or accept4",
        (
            Field("fd", "<u8", "fd", "the socket"),
            _hash("address", "the peer's struct sockaddr"),
        ),
    ),
)

GO_RECORDS = (
    Record(
        16,
        "timer_fire",
        "go",
        "a Go timer is about to run its function",
        (
            _address("timer", "the runtime.timer"),
            _ns("due_ns", "when it was due"),
            _ns("period_ns", "its period, 0 for once; not proof of a ticker"),
            _address("callback", "program counter of timer.f"),
            _address("function", "of an AfterFunc its function's program counter, else 0"),
            _goid("woken_goid", "goroutine that waits for it, 0 for none"),
            _address("woken_start", "start function of that goroutine"),
            _hash("parked_stack", "where that goroutine waits"),
            _address("caller", "return address: scheduler's heap or a receive"),
        ),
    ),
    Record(
        17,
        "timer_arm",
        "go",
        "a Go timer is set",
        (
            _address("timer", "the runtime.timer"),
            _ns("due_ns", "when it is to fire"),
            _ns("period_ns", "its period, 0 for once"),
            _address("callback", "program counter of timer.f"),
            _address("function", "of an AfterFunc its function's program counter, else 0"),
            _hash("stack", "who sets it"),
        ),
    ),
    Record(
        18,
        "sleep",
        "go",
        "time.Sleep is called",
        (
            Field("sleep_ns", "<i8", "ns", "how long"),
            _hash("stack", "who sleeps"),
        ),
    ),
    Record(
        19,
        "netpoll_ready",
        "go",
        "a descriptor's readiness releases a goroutine",
        (
            Field("fd", "<u8", "fd", "the descriptor"),
            Field("mode", "<u8", "enum", "'r' or 'w': what the goroutine waited for"),
            _goid("woken_goid", "goroutine that waits for it"),
            _address("woken_start", "start function of that goroutine"),
            _hash("parked_stack", "where that goroutine waits"),
        ),
    ),
    Record(
        20,
        "goroutine_ready",
        "go",
        "one goroutine makes another runnable",
        (
            _goid("woken_goid", "goroutine made runnable"),
            _address("woken_start", "start function of that goroutine"),
            _hash("parked_stack", "where that goroutine waits"),
        ),
    ),
    Record(
        21,
        "goroutine_new",
        "go",
        "a goroutine is created",
        (
            _goid("new_goid", "the new goroutine"),
            _address("new_start", "its start function"),
        ),
    ),
    Record(
        22,
        "gc_start",
        "go",
        "runtime.gcStart is called",
        (Field("trigger", "<u8", "enum", "0 heap, 1 time (forced), 2 cycle"),),
    ),
    Record(
        32,
        "queue_add",
        "go",
        "one item is handed to a work queue",
        (
            _address("queue", "the queue"),
            *KEY,
            Field("after_ns", "<i8", "ns", "asked delay, 0 for at once"),
            Field("rate_limited", "<u8", "flag", "1: the rate limiter adds its delay"),
            Field("priority", "<i8", "number", "asked priority, 0 for none"),
            _hash("stack", "who adds"),
            _address("metrics", "the queue's metrics object"),
        ),
    ),
    Record(
        33,
        "queue_ready",
        "go",
        "an item became ready: what workqueue_adds_total counts",
        (_address("metrics", "the queue's metrics object, one for all queues without"), *KEY),
    ),
    Record(
        34,
        "queue_get",
        "go",
        "an item is handed out to a worker",
        (_address("metrics", "the queue's metrics object"), *KEY),
    ),
    Record(
        35,
        "queue_done",
        "go",
        "a worker is done with an item",
        (
            _address("queue", "the queue"),
            *KEY,
            _address("metrics", "the queue's metrics object"),
            _hash("stack", "whose worker it is; of client-go's queues only"),
        ),
    ),
    Record(
        40,
        "reconcile_start",
        "go",
        "Controller.Reconcile is entered",
        (
            _address("queue", "what the controller holds: its queue, or a wrapper of it"),
            _address("metrics", "metrics object of a priority queue"),
            *KEY,
            _hash("controller", "name of the controller"),
            _address("method", "the Reconcile that its interface leads to"),
            _address("closure", "of a reconcile.Func its function"),
            _address("controller_object", "the Controller"),
        ),
    ),
    Record(
        41,
        "reconcile_return",
        "go",
        "a Reconcile of the operator reaches one of its RETs",
        (_address("pc", "the RET instruction"), *RESULT),
    ),
    Record(
        42,
        "reconcile_result",
        "go",
        "reconcileHandler has the result",
        RESULT,
    ),
    Record(
        48,
        "informer_event",
        "go",
        "an informer calls a controller's event handler",
        (
            _address("old", "the object before, 0 for an add"),
            _address("new", "the object after, 0 for a delete"),
            Field("initial", "<u8", "flag", "1: an add of the initial list"),
        ),
    ),
    Record(
        49,
        "resync_arm",
        "go",
        "a Reflector sets its resync timer",
        (
            _hash("type_name", "the Reflector's type description"),
            _ns("period_ns", "its resync period"),
        ),
    ),
    Record(
        50,
        "watch_event",
        "go",
        "a watch stream's decoder has an event",
        (
            _hash("event_type", "ADDED, MODIFIED, DELETED, BOOKMARK or ERROR"),
            Field("object_type", "<u8", "type", "Go type of the object"),
            *KEY,
            _hash("resource_version", "resourceVersion of the object"),
        ),
    ),
    Record(
        51,
        "http_serve",
        "go",
        "net/http serves a request",
        (
            _hash("http_method", "GET, POST, ..."),
            _hash("path", "of its URL, without the query"),
        ),
    ),
    Record(52, "http_handler", "go", "a known handler is entered; the site names it", ()),
    Record(
        53,
        "cache_reader",
        "go",
        "a cache of controller-runtime is read for the first time: of which kind it is",
        (
            _address("reader", "the CacheReader"),
            _hash("group", "API group, 0 for the core group"),
            _hash("version", "API version"),
            _hash("object_kind", "API kind"),
        ),
    ),
    Record(
        54,
        "cache_read",
        "go",
        "somebody else than an informer asks its store for one object or for a list",
        (
            _address("reader", "the CacheReader that asked, 0 for a lister of client-go"),
            Field("object_type", "<u8", "type", "Go type of the object or the first one, 0: none"),
            *KEY,
            Field("is_list", "<u4", "flag", "1: a list, of the namespace if there is one"),
            Field("objects", "<u4", "count", "how many were found"),
            _hash("resource_version", "of one object; 0 where it can't be read"),
            Field("versions", "<u8", "sum", "over the resourceVersions of a list, 0: not known"),
            Field(
                "pointers",
                "<u8",
                "sum",
                "over the addresses of what the store has, which Go reuses after a collection; "
                "0: not known",
            ),
            _hash("stack", "who reads"),
        ),
    ),
    Record(
        55,
        "http_request",
        "go",
        "net/http's Transport gets a request to send",
        (
            _address("request", "the http.Request"),
            _hash("http_method", "GET, POST, ...; 0 stands for GET"),
            _hash("host", "of its URL, with the port where it has one"),
            _hash("path", "of its URL, without the query"),
            _hash("stack", "who asks"),
        ),
    ),
    Record(
        56,
        "http_response",
        "go",
        "the Transport has the headers of the answer, or gave up",
        (Field("status", "<u8", "number", "HTTP status, 0: no answer"),),
    ),
    Record(
        57,
        "answer_decoded",
        "go",
        "client-go decoded an API server's answer into an object",
        (
            Field("object_type", "<u8", "type", "Go type of the object"),
            *KEY,
            _hash("sent_version", "resourceVersion that the object had before"),
            _hash("resource_version", "resourceVersion of the answer; 0 where it can't be read"),
            Field("objects", "<u8", "count", "of a list its items"),
            Field("versions", "<u8", "sum", "over the resourceVersions of a list, 0: not known"),
            Field("failed", "<u8", "flag", "1: an error was returned"),
        ),
    ),
)

RECORDS = THREAD_RECORDS + GO_RECORDS
RECORD_BY_KIND = {record.kind: record for record in RECORDS}
RECORD_BY_NAME = {record.name: record for record in RECORDS}

RECORD_SIZE = {"threads": 56, "go": 96}
HEADERS = {"threads": THREAD_HEADER, "go": GO_HEADER}

# What a hash stands for travels once, in records of this layout in a ring of their own.
TEXT_BYTES = 256
# A user stack begins with a program counter; a parked goroutine's has return addresses only.
TEXT_KIND = {"name": 1, "user_stack": 2, "kernel_stack": 3, "parked_stack": 4, "address": 5}
TEXT_FIELDS = (
    _hash("hash", "what events carry"),
    Field(
        "kind",
        "<u4",
        "enum",
        "name 1, user stack 2, kernel stack 3, parked stack 4, socket address 5",
    ),
    Field("length", "<u4", "bytes", "used part of data"),
    Field("data", f"V{TEXT_BYTES}", "bytes", "text, or return addresses, innermost first"),
)


@cache
def record_dtype(record: Record) -> np.dtype[np.void]:
    """The numpy dtype of a record, padded to its ring's fixed size."""
    fields = HEADERS[record.ring] + record.fields
    names = [field.name for field in fields]
    formats = [np.dtype(field.dtype) for field in fields]
    offsets = np.concatenate(([0], np.cumsum([item.itemsize for item in formats])[:-1]))
    return np.dtype(
        {
            "names": names,
            "formats": formats,
            "offsets": offsets.tolist(),
            "itemsize": RECORD_SIZE[record.ring],
        }
    )


def ring_dtype(ring: Literal["threads", "go"]) -> np.dtype[np.void]:
    """What all records of a ring share: the header and, as ``payload``, the rest.

    Nothing of it is padding: numpy copies no padding, and the payload would be lost.
    """
    header = [(field.name, field.dtype) for field in HEADERS[ring]]
    size = sum(np.dtype(dtype).itemsize for _, dtype in header)
    return np.dtype([*header, ("payload", "V", RECORD_SIZE[ring] - size)])


TEXT_DTYPE = np.dtype([(field.name, field.dtype) for field in TEXT_FIELDS])
