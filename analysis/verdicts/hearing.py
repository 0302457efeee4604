"""Is there an event for a thing, and does it reach the controller."""

from typing import NamedTuple

from whowoke.analysis.verdicts.listeners import Kind, Listeners, resource_of
from whowoke.analysis.verdicts.things import Thing, is_review

# API groups whose objects are made for each question: metrics-server and its kin offer no watch.
NO_WATCH = ("metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io")
# Parts of an object that are kept in it; the others (log, exec, proxy) have no version.
KEPT = ("status", "scale")
TIMES = {1: "once", 2: "twice"}


class Verdict(NamedTuple):
    """Whether an event exists, and what that rests on; handlers at all, and own ones."""

    event: str
    evidence: str
    handlers: int | None = None
    own: int | None = None


def judge(what: Thing, reads: int, listeners: Listeners) -> Verdict:
    """Whether an event for it exists and reaches the controller."""
    if what.kind == "file":
        return Verdict("outside", "a file or a child process, not Kubernetes")
    if what.kind != "api" and what.kind != "cache":
        return Verdict("outside", f"{what.host or 'a peer'} isn't Kubernetes")
    if what.kind == "api":
        if reason := _unwatchable(what):
            return Verdict("outside", reason)
        return _judge_live(what, reads, listeners)
    return _judge_cached(what, listeners)


def _unwatchable(what: Thing) -> str:
    if not what.name:
        return f"{what.host or 'the path'} is no object"
    if what.group in NO_WATCH:
        return f"{what.group} is measured when it is asked for, it offers no watch"
    if any(is_review(name, what.subresource) for name in (what.name, resource_of(what.name))):
        return "a question to the API server, no object"
    if what.subresource and what.subresource not in KEPT:
        return f"{what.subresource} is made when it is asked for, no watch has it"
    return ""


def _kind(what: Thing) -> Kind:
    """Of what a lister of client-go reads only the Go type is known."""
    if not what.version:
        return Kind(None, None, what.name)
    return Kind(what.group, what.version, what.name)


def _judge_cached(what: Thing, listeners: Listeners) -> Verdict:
    heard = listeners.of(what.controller or "", _kind(what))
    if heard.own or heard.led:
        own = max(1, heard.own or 0)
        return Verdict("handled", _handled(heard.own), heard.handlers, own)
    if heard.handlers == 0:
        return Verdict("unhandled", "watched, but its informer has no handler", 0, 0)
    if heard.own == 0:
        return Verdict("unhandled", _others(heard.handlers or 0), heard.handlers, 0)
    if heard.handlers:
        return Verdict("unknown", _somewhere(heard.handlers), heard.handlers)
    return Verdict("unknown", "watched; whether a handler leads here isn't known")


def _judge_live(what: Thing, reads: int, listeners: Listeners) -> Verdict:
    times = TIMES.get(reads, f"{reads:,} times")
    live = f"asked live {times}"
    heard = listeners.of(what.controller or "", Kind(what.group, what.version, what.name))
    if heard.own or heard.led:
        own = max(1, heard.own or 0)
        return Verdict("handled", f"{live}; {_handled(heard.own)}", heard.handlers, own)
    if heard.own == 0:
        why = "its informer has no handler" if not heard.handlers else _others(heard.handlers)
        return Verdict("unhandled", f"{live}; {why}", heard.handlers, 0)
    if heard.handlers:
        return Verdict("unknown", f"{live}; {_somewhere(heard.handlers)}", heard.handlers)
    if heard.watched:
        return Verdict("unknown", f"{live}; watched, whether a handler leads here isn't known")
    if heard.is_told:
        return Verdict("unwatched", f"{live}; nobody watches it")
    return Verdict("unknown", f"{live}; whether anybody watches it isn't known")


def _handled(own: int | None) -> str:
    if not own:
        return "a handler was seen to add to this controller's queue"
    whose = "a handler leads" if own == 1 else f"{own} handlers lead"
    return f"{whose} to this controller"


def _others(handlers: int) -> str:
    if handlers == 1:
        return "watched, but its one handler leads elsewhere"
    return f"watched, but none of its {handlers} handlers leads here"


def _somewhere(handlers: int) -> str:
    whose = "its handler leads" if handlers == 1 else f"its {handlers} handlers lead"
    return f"watched; where {whose} isn't known"
