"""What happened in one step of a story, in a sentence."""

from collections.abc import Callable, Mapping
from itertools import dropwhile
from typing import Any

from whowoke.analysis.durations import format_duration
from whowoke.analysis.telling.steps import Step

MAX_FRAMES = 5
# On the kernel's stack of every wake-up: the probe's own and the scheduler's. Captures up to 0.1.0
# have the last symbol of the kernel's text for a BPF program.
UNTOLD = (
    *("bpf_", "__bpf_", "__traceiter_", "_einittext"),
    *("try_to_wake_up", "default_wake_function"),
)
RESULTS = {
    "success": "it is done",
    "requeue": "it is to be called again when the rate limiter says",
    "error": "it failed and is to be called again when the rate limiter says",
    "unknown": "its result is not known",
}
CALLS = {
    "read": ("receives", "from"),
    "recvfrom": ("receives", "from"),
    "write": ("sends", "to"),
    "sendto": ("sends", "to"),
    "connect": ("opens a connection", "to"),
    "accept4": ("accepts a connection", "from"),
}
CONTEXTS = {
    "hrtimer": "by a timer of the kernel",
    "futex": "by another thread",
    "epoll": "by a descriptor",
    "signal": "by a signal",
}

Facts = Mapping[str, Any]


class Sentences:
    """Sentences for the steps of one story. What was told of a goroutine isn't told again."""

    def __init__(self) -> None:
        self._tid: int | None = None
        self._known: set[int] = set()
        self._waited_in: set[tuple[int, str]] = set()
        self._by_kind: dict[str, Callable[[Step, Facts], list[str]]] = {
            "thread_waking": self._thread_waking,
            "thread_on": lambda step, _: [f"thread {step.tid} runs"],
            "wakeup": self._wakeup,
            "continuation": self._continuation,
            "goroutine_ready": self._goroutine_ready,
            "goroutine_new": self._goroutine_new,
            "answers": self._answers,
            "answered": self._answered,
            "timer_arm": self._timer_arm,
            "sleep": self._sleep,
            "exchange": self._exchange,
            "informer_event": self._informer_event,
            "queue_add": self._queue_add,
            "queue_ready": lambda _, facts: [f"{_item(facts)} is ready in the work queue"],
            "queue_get": lambda _, facts: [f"{_item(facts)} is handed to a worker"],
            "queue_done": lambda _, facts: [f"{_item(facts)} is given back by the worker"],
            "reconcile_start": self._reconcile_start,
            "reconcile_end": self._reconcile_end,
            "pause": self._pause,
            "asleep": self._asleep,
        }

    def of(self, step: Step) -> list[str]:
        """One line or more about a step, the main one first."""
        lines = self._by_kind[step.kind](step, step.facts)
        if step.tid is not None and step.tid != self._tid and step.kind != "thread_waking":
            if self._tid is not None and step.kind != "thread_on":
                lines[0] += f"   [thread {step.tid}]"
            self._tid = step.tid
        return lines

    # ------------------------------------------------------------ threads, timers

    def _thread_waking(self, step: Step, facts: Facts) -> list[str]:
        waker, context = facts["waker_tid"], facts["context"]
        how = CONTEXTS.get(context, f"in the context {context}")
        if context == "futex" and waker is not None:
            how = f"by thread {waker}"
        off = facts["off_cpu_ns"]
        slept = f", {format_duration(off)} after it went to sleep" if off is not None else ""
        kernel = [name or "unknown" for name in dropwhile(_is_own, facts["kernel_stack"])]
        lines = [f"thread {step.tid} is woken {how}{slept}"]
        return lines + ([f"kernel: {' < '.join(kernel[:MAX_FRAMES])}"] if kernel else [])

    def _wakeup(self, step: Step, facts: Facts) -> list[str]:
        fires = {
            "timer": "the timer fires",
            "gc": "a garbage collection is forced",
            "signal": f"signal {facts['signal']} comes from outside",
        }.get(facts["wakeup_kind"], f"descriptor {facts['fd']} is ready")
        late = facts["lateness_ns"]
        when = f", {format_duration(late)} after it was due" if late is not None else ""
        lines = [f"{fires}{when}"]
        if facts["armed_ago_ns"] is not None:
            lines += self._armed(facts)
        elif facts["wakeup_kind"] == "timer":
            period = facts["period_ns"]
            every = f"; its period is {format_duration(period)}" if period else ""
            lines.append(f"when it was set was not seen{every}")
        if facts["calls"]:
            lines.append(f"it calls {_short(facts['calls'])}")
        return lines + self._woken(facts)

    def _armed(self, facts: Facts) -> list[str]:
        ago, wanted = facts["armed_ago_ns"], facts["armed_for_ns"]
        lines = [f"set {format_duration(ago)} ago, to fire after {format_duration(wanted)}"]
        for number, frame in enumerate(facts["armed_stack"][:MAX_FRAMES]):
            lines.append(f"{'by' if not number else 'called by'} {_frame(frame)}")
        return lines

    def _woken(self, facts: Facts) -> list[str]:
        goid = facts["woken_goroutine_id"]
        return [f"{self._goroutine(facts)} wakes{self._waited(facts)}"] if goid else []

    def _goroutine(self, facts: Facts) -> str:
        return self._named(facts["woken_goroutine_id"], facts["woken_start"])

    def _named(self, goid: int, start: str | None) -> str:
        if goid in self._known or not start:
            return f"goroutine {goid}"
        self._known.add(goid)
        return f"goroutine {goid} ({_short(start)})"

    def _waited(self, facts: Facts) -> str:
        """Where a goroutine waited; the line only once."""
        waited, goid = facts["waited"], facts["woken_goroutine_id"]
        if not waited["function"]:
            return ""
        known = (goid, waited["location"] or "") in self._waited_in
        self._waited_in.add((goid, waited["location"] or ""))
        return f", which waited in {_short(waited['function']) if known else _frame(waited)}"

    # ------------------------------------------------------------ goroutines

    def _goroutine_ready(self, step: Step, facts: Facts) -> list[str]:
        return [
            f"goroutine {step.goroutine_id} wakes {self._goroutine(facts)}{self._waited(facts)}"
        ]

    def _goroutine_new(self, step: Step, facts: Facts) -> list[str]:
        fresh = self._named(facts["new_goroutine_id"], facts["new_start"])
        return [f"goroutine {step.goroutine_id} starts {fresh}"]

    def _continuation(self, step: Step, facts: Facts) -> list[str]:
        answer = f"an answer comes on descriptor {facts['fd']} (wake-up {facts['wakeup_id']})"
        return [answer, *self._woken(facts)]

    def _answered(self, step: Step, facts: Facts) -> list[str]:
        who = f"goroutine {step.goroutine_id} hands the answer to {self._goroutine(facts)}"
        return [f"{who}{self._waited(facts)}"]

    def _answers(self, step: Step, facts: Facts) -> list[str]:
        whose = facts["wakeup_id"]
        asked = f" of wake-up {whose}" if whose else ""
        who = f"goroutine {step.goroutine_id} hands an answer to {self._goroutine(facts)}"
        return [f"{who}{asked}{self._waited(facts)}"]

    def _timer_arm(self, step: Step, facts: Facts) -> list[str]:
        due, period = facts["due_in_ns"], facts["period_ns"]
        every = f", then every {format_duration(period)}" if period else ""
        calls = f" to call {_short(facts['calls'])}" if facts["calls"] else ""
        who = f"goroutine {step.goroutine_id} sets a timer for {format_duration(due)}"
        return [f"{who}{every}{calls} in {_frame(facts['set'])}"]

    def _sleep(self, step: Step, facts: Facts) -> list[str]:
        due = format_duration(facts["due_in_ns"])
        return [f"goroutine {step.goroutine_id} sleeps for {due} in {_frame(facts['set'])}"]

    def _exchange(self, step: Step, facts: Facts) -> list[str]:
        verb, with_whom = CALLS[facts["call"]]
        amount = f" {facts['bytes']:,} bytes" if facts["bytes"] is not None else ""
        peer = f" {with_whom} {facts['peer']}" if facts["peer"] else ""
        who = f"goroutine {step.goroutine_id} {verb}{amount}"
        return [f"{who} on descriptor {facts['fd']}{peer}"]

    # ------------------------------------------------------------ operator

    def _informer_event(self, step: Step, facts: Facts) -> list[str]:
        what = {
            "resync": "an object again, unchanged",
            "initial": "an object of the initial list",
            "change": "an object that changed",
        }
        return [f"an informer hands over {what[facts['what']]} (goroutine {step.goroutine_id})"]

    def _queue_add(self, step: Step, facts: Facts) -> list[str]:
        after = f", due in {format_duration(facts['after_ns'])}" if facts["after_ns"] else ""
        limited = ", when the rate limiter says" if facts["rate_limited"] else ""
        return [f"{_item(facts)} is added to the work queue{after}{limited}: {facts['cause']}"]

    def _reconcile_start(self, step: Step, facts: Facts) -> list[str]:
        whose = f" by controller {facts['controller']}" if facts["controller"] else ""
        why = facts["causes"] or "unknown"
        first = f"reconcile {facts['reconcile_id']} of {_item(facts)}{whose} begins"
        return [f"{first} on goroutine {step.goroutine_id}: {why}"]

    def _reconcile_end(self, step: Step, facts: Facts) -> list[str]:
        again = facts["requeue_after_ns"]
        result = f"it is to be called again in {format_duration(again or 0)}"
        said = RESULTS.get(facts["result"], result)
        at = f" ({facts['location']})" if facts["location"] else ""
        took = format_duration(facts["duration_ns"])
        return [f"reconcile {facts['reconcile_id']} ends after {took}: {said}{at}"]

    # ------------------------------------------------------------ time

    def _pause(self, _: Step, facts: Facts) -> list[str]:
        rest, between = format_duration(facts["duration_ns"]), facts["episodes_between"]
        if between:
            return [f"rests for {rest}; meanwhile the process wakes {between} times for others"]
        return [f"all threads sleep for {rest}"]

    def _asleep(self, _: Step, facts: Facts) -> list[str]:
        idle = facts["idle_ns"]
        rest = f", for {format_duration(idle)}" if idle is not None else ""
        return [f"all threads sleep{rest}"]


def _is_own(name: str) -> bool:
    """Whether a kernel's function is there at every wake-up; BPF programs may have no name."""
    return not name or name.startswith(UNTOLD)


def _short(function: str) -> str:
    """Without the path of its package, which is in the location, too."""
    return function.rsplit("/", 1)[-1]


def _frame(frame: Facts) -> str:
    function = _short(frame["function"] or "unknown code")
    return f"{function} at {frame['location']}" if frame["location"] else function


def _item(facts: Facts) -> str:
    namespace, name = facts["namespace"], facts["name"] or "an unknown object"
    return f"{namespace}/{name}" if namespace else str(name)
