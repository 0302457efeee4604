"""Reconciles in OTLP/JSON trace documents, as the OpenTelemetry collector's file exporter writes.

Fields as in opentelemetry-proto 1.9 (trace/v1/trace.proto) and its JSON encoding: names in
lowerCamelCase, 64-bit numbers as strings, ids in hexadecimal.
"""

from typing import Any, NamedTuple

from whowoke.analysis.logs.told import MAX_WALL_NS, Told, named, text, whole

ERROR_STATUS = (2, "STATUS_CODE_ERROR")


class Spans(NamedTuple):
    """Reconciles of one resource: of a process with ``pid`` on ``host``, None where not told.

    ``no_time`` counts spans of reconciles that have no sensible times.
    """

    pid: int | None
    host: str | None
    told: list[Told]
    no_time: int


class _Span(NamedTuple):
    told: Told
    own: str
    parent: str


def reconcile_spans(document: dict[str, Any]) -> list[Spans]:
    """The spans whose attributes name an object, and a controller or a reconcileID.

    Of spans of the same object within each other the outermost is the reconcile. One without a
    reconcileID has its trace and span instead: ``TRACE/SPAN``.
    """
    return [_of_resource(resource) for resource in _objects(document.get("resourceSpans"))]


def _of_resource(resource: dict[str, Any]) -> Spans:
    described = resource.get("resource")
    about = _attributes(described) if isinstance(described, dict) else {}
    # Before 0.15 of the protocol scopes were called instrumentation libraries.
    scopes = resource.get("scopeSpans") or resource.get("instrumentationLibrarySpans")
    found, no_time = [], 0
    for span in (span for scope in _objects(scopes) for span in _objects(scope.get("spans"))):
        names = named(_attributes(span))
        if not names.get("name") or not (names.get("controller") or names.get("log_id")):
            continue
        one = _span(span, names)
        if one is None:
            no_time += 1
        else:
            found.append(one)
    pid, host = whole(about.get("process.pid")), text(about.get("host.name"))
    return Spans(pid, host, [span.told for span in _outermost(found)], no_time)


def _span(span: dict[str, Any], names: dict[str, str | None]) -> _Span | None:
    start_ns, end_ns = (whole(span.get(f"{edge}TimeUnixNano")) for edge in ("start", "end"))
    if start_ns is None or end_ns is None or not 0 < start_ns <= end_ns < MAX_WALL_NS:
        return None
    trace, own, parent = (text(span.get(key)) for key in ("traceId", "spanId", "parentSpanId"))
    told = Told(
        names.get("log_id") or f"{trace}/{own}",
        names.get("controller"),
        names.get("namespace"),
        names.get("name"),
        (start_ns, start_ns),
        (end_ns, end_ns),
    )
    status = span.get("status")
    if isinstance(status, dict) and status.get("code") in ERROR_STATUS:
        told.result = "error"
    return _Span(told, f"{trace}/{own}", f"{trace}/{parent}")


def _outermost(spans: list[_Span]) -> list[_Span]:
    keys = {span.own: (span.told.namespace, span.told.name) for span in spans}
    return [s for s in spans if keys.get(s.parent) != (s.told.namespace, s.told.name)]


def _attributes(of: dict[str, Any]) -> dict[str, Any]:
    """Texts and whole numbers by key."""
    found = {}
    for item in _objects(of.get("attributes")):
        key, value = item.get("key"), item.get("value")
        if isinstance(key, str) and isinstance(value, dict):
            found[key] = value.get("stringValue", value.get("intValue"))
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
