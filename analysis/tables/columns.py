"""The columns of every table that comes out of a capture, each once, with dtype, unit and meaning.

A column that no code fills yet is there and empty. Empty means not known.
"""

from dataclasses import dataclass

from whowoke.analysis.capture.schema import Field

INT, TEXT, BOOL, TIME = "Int64", "string", "boolean", "datetime64[ns, UTC]"


@dataclass(frozen=True)
class Table:
    """One output table."""

    name: str
    meaning: str
    columns: tuple[Field, ...]

    @property
    def dtypes(self) -> dict[str, str]:
        """pandas' nullable dtype of each column, in order."""
        return {column.name: column.dtype for column in self.columns}


def _ns(name: str, meaning: str) -> Field:
    return Field(name, INT, "ns", meaning)


def _id(name: str, meaning: str) -> Field:
    return Field(name, INT, "id", meaning)


def _count(name: str, meaning: str) -> Field:
    return Field(name, INT, "count", meaning)


def _tid(name: str, meaning: str) -> Field:
    return Field(name, INT, "tid", meaning)


def _text(name: str, meaning: str) -> Field:
    return Field(name, TEXT, "text", meaning)


def _flag(name: str, meaning: str) -> Field:
    return Field(name, BOOL, "flag", meaning)


def _time(of: str) -> Field:
    return Field("time", TIME, "RFC 3339", f"{of} in UTC")


def _enum(name: str, meaning: str, *values: str) -> Field:
    return Field(name, TEXT, "enum", f"{meaning}: {', '.join(values)}")


_TS = _ns("ts_ns", "CLOCK_MONOTONIC")
_LOCATION = _text("location", "file:line of that function")
_ORIGIN = _text("origin", "who is behind it: requeue, client-go, operator, runtime …, unknown")
_CAUSE = _text("cause", "why: requeue.after, informer.resync …, unknown; `;` between several")
_LOCATION_KIND = _enum(
    "location_kind", "what the line is", "returned", "armed", "callback", "waiting", "declared",
    "unknown",
)  # fmt: skip
_GOROUTINE = Field("goroutine_id", INT, "goroutine id", "the goroutine it is about")
_OBJECT = (
    _text("namespace", "namespace of the object"),
    _text("name", "name of the object"),
)

WAKEUPS = Table(
    "wakeups",
    "one Go timer that fired, descriptor that released a goroutine, forced collection or signal",
    (
        _id("wakeup_id", "number of the wake-up in this capture"),
        _TS,
        _time("ts_ns"),
        _id("episode_id", "the episode it is part of"),
        _enum("kind", "what woke", "timer", "descriptor", "gc", "signal"),
        _flag("woke_process", "whether it ended an idle time of the process"),
        _id("continuation_of", "the wake-up whose request this one answers"),
        _ORIGIN,
        _CAUSE,
        _text("subject", "the module, peer, path, signal, object type or event it is about"),
        _text("peer", "of a descriptor the address of the other side"),
        _text("function", "who armed it, runs or waits"),
        _LOCATION,
        _LOCATION_KIND,
        _ns("armed_period_ns", "the period or delay that was asked for"),
        _ns("lateness_ns", "fired after it was due"),
        _ns("armed_ns", "CLOCK_MONOTONIC when it was armed"),
        _GOROUTINE,
        _text("goroutine_start", "the function that goroutine was started with"),
        _tid("tid", "thread that handled it"),
        _id("stack_id", "who armed it, or where the goroutine waits"),
        _ns("cpu_ns", "CPU time, where it is alone in its episode"),
        _enum("evidence", "what the cause rests on", "probe", "stack", "kernel", "none"),
    ),
)
THREAD_WAKEUPS = Table(
    "thread_wakeups",
    "one thread of the target made runnable by the kernel",
    (
        _TS,
        _tid("tid", "the thread"),
        _tid("waker_tid", "the current thread; empty in an interrupt, or unknown"),
        _text("context", "hrtimer, futex, epoll, signal …"),
        _flag("carrier", "whether it only serves a wake-up"),
        _ns("off_cpu_ns", "off the CPU before"),
        _ns("on_cpu_ns", "on the CPU after, until it was switched out"),
        _id("episode_id", "the episode it is part of"),
        _id("wakeup_id", "the wake-up it serves"),
    ),
)
SYSCALLS = Table(
    "syscalls",
    "one finished system call of the target",
    (
        _ns("ts_ns", "CLOCK_MONOTONIC at its entry"),
        _ns("duration_ns", "from entry to return"),
        _tid("tid", "the calling thread"),
        _GOROUTINE,
        _text("name", "name of the system call"),
        Field("fd", INT, "fd", "the descriptor"),
        _text("peer", "address of the other side"),
        Field("bytes", INT, "bytes", "moved"),
        Field("result", INT, "number", "return value, negative is -errno"),
    ),
)
EPISODES = Table(
    "episodes",
    "the time from one idle time of the process to the next",
    (
        _id("episode_id", "number of the episode in this capture"),
        _ns("start_ns", "CLOCK_MONOTONIC when the idle time ended"),
        _ns("end_ns", "CLOCK_MONOTONIC when the next one began"),
        _ns("idle_before_ns", "the idle time before it"),
        _ns("cpu_ns", "CPU time of all threads, exact"),
        _count("thread_wakeups", "threads made runnable"),
        _count("carriers", "those of them that only serve a wake-up"),
        _count("wakeups", "wake-ups"),
    ),
)
QUEUE = Table(
    "queue",
    "what happened to a work queue",
    (
        _id("event_id", "number of the event in this capture"),
        _TS,
        Field("queue_id", INT, "number", "the queue"),
        _text("controller", "name of the controller that owns the queue"),
        _enum(
            "operation", "ready is what workqueue_adds_total counts", "add", "ready", "get", "done"
        ),
        *_OBJECT,
        _ns("after_ns", "asked delay, 0 for at once"),
        _flag("rate_limited", "whether the rate limiter adds its delay"),
        Field("priority", INT, "number", "asked priority"),
        _id("wakeup_id", "the wake-up whose chain called"),
        _id("reconcile_id", "the reconcile that consumed it"),
        _CAUSE,
        _text("function", "who called"),
        _LOCATION,
    ),
)
RECONCILES = Table(
    "reconciles",
    "from the entry of Reconcile to its end",
    (
        _id("reconcile_id", "number of the reconcile in this capture"),
        _ns("start_ns", "CLOCK_MONOTONIC at the entry"),
        _ns("end_ns", "CLOCK_MONOTONIC at the end"),
        _time("start_ns"),
        _ns("duration_ns", "from entry to end"),
        _text("controller", "name of the controller"),
        *_OBJECT,
        _GOROUTINE,
        _enum(
            "result", "what it returned", "success", "requeue", "requeue_after", "error", "unknown"
        ),
        _ns("requeue_after_ns", "the delay it asked for"),
        _text("location", "file:line of the return that was taken"),
        _count("triggers", "adds that led to it"),
        _text("causes", "their causes, `;` between"),
        _text("subjects", "what these are about: watch events with their object, paths, signals"),
        _count("cache_reads", "reads of informer caches"),
        _count("api_reads", "reading requests to the API server"),
        _count("api_writes", "writing requests to the API server"),
        _count("other_requests", "requests to anyone else"),
        _enum("redundant", "whether it changed nothing that it could know", "yes", "no", "unknown"),
        _text("redundant_reason", "what that rests on"),
        _text("log_reconcile_id", "the reconcileID in its log; of a span without one TRACE/SPAN"),
    ),
)
REQUESTS = Table(
    "requests",
    "one read of a cache, request to anyone, connection or file of a reconcile",
    (
        _id("request_id", "number of the request in this capture"),
        _TS,
        _ns("duration_ns", "from the request to the headers of its answer"),
        _id("reconcile_id", "the reconcile that asked"),
        _GOROUTINE,
        _enum("kind", "whom it asks", "cache", "api", "http", "connection", "file"),
        _text("verb", "get, list, watch, create, update, patch, delete …; of http the method"),
        _text("group", "API group, empty for the core group"),
        _text("version", "API version"),
        _text("resource", "API resource, of the API server's requests"),
        _text("subresource", "API subresource"),
        _text("object_kind", "API kind, or Go type, of what was read"),
        *_OBJECT,
        _text("host", "host or peer that is asked"),
        _text("path", "path of a request that is about no API resource"),
        Field("status", INT, "number", "HTTP status, 0 for no answer"),
        _flag("found", "of a cached read whether it was there"),
        _count("objects", "of a list how many there were"),
        _text("resource_version", "resourceVersion of the answer"),
        _flag("same", "whether the answer is the one that this object's reconcile had last time"),
        _flag("changed", "of a write whether it changed the object"),
        Field("sent_bytes", INT, "bytes", "of a connection: written"),
        Field("received_bytes", INT, "bytes", "of a connection or file: read"),
        _ns("event_ns", "CLOCK_MONOTONIC of the watch event that brought what is new"),
        _text("function", "who asks"),
        _LOCATION,
    ),
)
CHECKS = Table(
    "checks",
    "what the reconciles of one controller read, and whether an event for it exists",
    (
        _text("controller", "name of the controller"),
        _enum("kind", "whom it asks", "cache", "api", "http", "connection", "file"),
        _text("group", "API group, empty for the core group"),
        _text("version", "API version"),
        _text("object_kind", "API kind or resource; Go type where no more is known"),
        _text("host", "host, peer or file, outside of Kubernetes"),
        _count("reads", "reads by reconciles"),
        _count("same", "those of them with the answer of the last time"),
        _count("differing", "those of them with another answer"),
        _enum(
            "event", "is there an event for it", "handled", "unhandled", "unwatched", "outside",
            "unknown",
        ),
        _count("handlers", "event handlers at its informer"),
        _count("own_handlers", "those of them that lead to this controller"),
        _ns("noticed_after_ns", "median time from the watch event to the reconcile that read it"),
        _text("evidence", "what the answer rests on"),
        _text("function", "who asks, most often"),
        _LOCATION,
    ),
)  # fmt: skip
IDEALS = Table(
    "ideals",
    "how long the process could have slept, if only some of its wake-ups came",
    (
        _enum(
            "scenario", "which wake-ups are left", "recorded", "without_plumbing",
            "without_redundant", "writing_events",
        ),
        _count("wakeups", "wake-ups that are left"),
        _ns("asleep_ns", "time without any work"),
        Field("asleep_share", "Float64", "share", "of the recorded time"),
        _ns("longest_sleep_ns", "longest time without any work"),
    ),
)  # fmt: skip
CAUSES = Table(
    "causes",
    "one cause at one place, with its wake-ups and reconciles",
    (
        _ORIGIN,
        _CAUSE,
        _text("subject", "the module, queue, peer or object type the cause is about"),
        _text("controller", "name of the controller that reconciles"),
        _text("function", "who armed it, runs or waits"),
        _LOCATION,
        _LOCATION_KIND,
        _count("wakeups", "wake-ups"),
        Field("per_hour", "Float64", "1/h", "wake-ups an hour"),
        _ns("median_gap_ns", "median gap within a series"),
        _ns("jitter_ns", "spread of the gaps"),
        _enum(
            "schedule", "how it comes back; empty under 3 gaps", "fixed_rate", "fixed_delay",
            "backoff", "irregular",
        ),
        _ns("cpu_ns", "CPU time, where it is known"),
        _count("reconciles", "reconciles it led to"),
        _count("redundant_reconciles", "those of them that changed nothing"),
        _text("reasons", "why it comes back: unwatched_secondary, clock …; `;` between several"),
        Field("wakeups_per_day", "Float64", "1/d", "what it costs a day: wake-ups, with answers"),
        Field("cpu_ns_per_day", "Float64", "ns/d", "what it costs a day: CPU time"),
        Field("api_requests_per_day", "Float64", "1/d", "what it costs a day: API requests"),
        _enum("avoidable", "whether it can be turned off", "yes", "no", "unknown"),
        _text("advice", "how"),
    ),
)  # fmt: skip
STACKS = Table(
    "stacks",
    "the frames of the stacks that other tables name",
    (
        _id("stack_id", "number of the stack in this capture"),
        _count("depth", "0 is the innermost frame"),
        _text("function", "the function"),
        _LOCATION,
    ),
)
LOSSES = Table(
    "losses",
    "what was lost while recording",
    (
        _ns("ts_ns", "CLOCK_MONOTONIC when the loss was seen"),
        _text("kind", "what was lost"),
        _count("count", "how many"),
        _ns("since_ns", "CLOCK_MONOTONIC of the count before: lost after it; empty if not told"),
    ),
)

TABLES = (
    WAKEUPS,
    THREAD_WAKEUPS,
    SYSCALLS,
    EPISODES,
    QUEUE,
    RECONCILES,
    REQUESTS,
    CHECKS,
    IDEALS,
    CAUSES,
    STACKS,
    LOSSES,
)
TABLE_BY_NAME = {table.name: table for table in TABLES}
