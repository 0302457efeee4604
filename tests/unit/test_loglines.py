"""Logs and traces as controller-runtime, klog and the OpenTelemetry SDK write them, and worse."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whowoke.analysis.errors import UsageError
from whowoke.analysis.logs.loglines import MAX_LINE, Reader
from whowoke.analysis.logs.told import moment

LOGS = Path(__file__).parent / "logs"
ALWAYS = (0, 1 << 62)
SECOND_NS = 10**9
# Written by operators of tests/operators/versions with their logger set to JSON and level 5.
FAST = [("error", None), ("requeue", None), ("requeue_after", 700_000_000), ("error", None)]


def read(*paths: Path, **options) -> Reader:
    reader = Reader(ALWAYS, **options)
    for path in paths:
        reader.read(path)
    return reader


@pytest.mark.parametrize(
    ("name", "results", "namespace", "step_ns"),
    [
        ("cr0.16-millis", FAST, "op-0-16-millis", 2000),
        ("cr0.16-rfc3339", FAST, "op-0-16-def", SECOND_NS),
        ("cr0.18-iso8601", FAST, "op-0-18-iso8601", 10**6),
        ("cr0.24-klog", FAST, "op-klog", 2000),
    ],
)
def test_each_reconcile_of_a_real_log(name, results, namespace, step_ns) -> None:
    reader = read(LOGS / f"{name}.jsonl")
    told = list(reader.found.values())
    assert [(one.result, one.requeue_after_ns) for one in told] == results
    assert {(one.controller, one.namespace, one.name) for one in told} == {
        ("stock", namespace, "stock-0")
    }
    assert all(one.begins and one.ends for one in told)
    assert {one.first[1] - one.first[0] for one in told} == {step_ns}
    starts = [one.first[0] for one in told]
    assert starts == sorted(starts)
    assert reader.no_json == 2, "klog's own lines about the lease"


def test_exact_times_of_nanoseconds() -> None:
    (first, *_) = read(LOGS / "cr0.25-nanos.jsonl").found.values()
    line = next(
        json.loads(line)
        for line in (LOGS / "cr0.25-nanos.jsonl").read_text().splitlines()
        if first.log_id in line
    )
    assert first.first == (line["ts"], line["ts"] + 1)
    assert all(one.begins for one in read(LOGS / "cr0.25-rfc3339nano.jsonl").found.values())


@pytest.mark.parametrize("name", ["cr0.12-epoch", "cr0.15-epoch"])
def test_versions_that_only_tell_errors(name) -> None:
    told = list(read(LOGS / f"{name}.jsonl").found.values())
    assert len(told) == 4
    assert {(one.result, one.begins, one.ends) for one in told} == {("error", False, True)}


def test_a_version_without_ids_tells_of_none() -> None:
    reader = read(LOGS / "cr0.11-epoch.jsonl")
    assert reader.found == {}
    assert reader.no_json == 2


def test_spans_of_the_real_sdk() -> None:
    told = list(read(LOGS / "otlp-sdk1.47.jsonl").found.values())
    assert [(one.controller, one.namespace, one.name, one.result) for one in told] == [
        ("shop", "shop", "db-0", "unknown"),
        ("shop", "shop", "db-1", "error"),
        ("shop", "shop", "db-2", "unknown"),
    ]
    assert told[0].log_id == "0b8d3ac6-5a4c-4b39-8d8d-000000000000"
    assert (told[0].first[0], told[0].last[0]) == (1795472723117107419, 1795472723119415606)


def test_spans_of_others_are_left_out() -> None:
    path = LOGS / "otlp-sdk1.47.jsonl"
    for own in ({"pids": frozenset({28756, 1})}, {"hosts": frozenset({"vm", "op-0"})}):
        assert len(read(path, **own).found) == 3
    for other in ({"pids": frozenset({1})}, {"hosts": frozenset({"node-7"})}):
        reader = read(path, **other)
        assert (len(reader.found), reader.strangers) == (0, 3)


def test_a_document_over_several_lines(tmp_path: Path) -> None:
    document = json.loads((LOGS / "otlp-sdk1.47.jsonl").read_text())
    (tmp_path / "pretty.json").write_text(json.dumps(document, indent=2))
    assert len(read(tmp_path / "pretty.json").found) == 3


def test_a_span_without_an_id_has_its_own_and_only_the_outermost_counts() -> None:
    def span(own, parent, name) -> dict:
        texts = {"controller": "c", "k8s.namespace.name": "n", "k8s.object.name": name}
        return {
            "traceId": "aa",
            "spanId": own,
            "parentSpanId": parent,
            "startTimeUnixNano": "10",
            "endTimeUnixNano": "20",
            "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in texts.items()],
        }

    spans = [span("02", "01", "x"), span("01", "", "x"), span("03", "01", "other")]
    reader = Reader(ALWAYS)
    reader.lines([json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()])
    assert set(reader.found) == {"aa/01", "aa/03"}


def test_lines_of_container_runtimes() -> None:
    plain = b'{"ts":5,"msg":"Reconciling","controller":"c","name":"x","reconcileID":"%d"}'
    docker = {"log": (plain % 3).decode() + "\n", "stream": "stderr", "time": "t"}
    reader = Reader(ALWAYS)
    reader.lines([b"2026-11-23T22:00:00.123456789Z stderr F " + plain % 2])
    reader.lines([json.dumps(docker).encode()])
    assert set(reader.found) == {"2", "3"}


def test_the_key_of_the_kind_stands_in_for_the_names() -> None:
    reader = Reader(ALWAYS)
    line = {"ts": 5, "reconcileID": "1", "controllerKind": "Pod"}
    reader.lines([json.dumps({**line, "Pod": {"name": "x", "namespace": "n"}}).encode()])
    (told,) = reader.found.values()
    assert (told.namespace, told.name) == ("n", "x")


def test_only_what_is_within_the_time_is_kept() -> None:
    reader = Reader((10 * SECOND_NS, 20 * SECOND_NS))
    reader.lines(
        json.dumps({"ts": at + 0.5, "msg": "x", "name": "x", "reconcileID": str(at)}).encode()
        for at in range(30)
    )
    assert list(reader.found) == [str(at) for at in range(10, 20)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-23T22:26:11Z", (1795472771 * SECOND_NS, 1795472772 * SECOND_NS)),
        ("2026-11-23T23:26:11+01:00", (1795472771 * SECOND_NS, 1795472772 * SECOND_NS)),
        ("2026-11-23T21:26:11.5-0100", (1795472771_500000000, 1795472771_600000000)),
        ("2026-11-23T22:26:11", None),
        ("2026-99-23T22:26:11Z", None),
        ("²026-11-23T22:26:11Z", None),
        (1795472771, (1795472771 * SECOND_NS, 1795472772 * SECOND_NS)),
        (1795472771000, (1795472771 * SECOND_NS, 1795472771 * SECOND_NS + 10**6)),
        (1795472771000000000, (1795472771 * SECOND_NS, 1795472771 * SECOND_NS + 1)),
        (True, None),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**30, None),
        (None, None),
        ([], None),
    ],
)
def test_times(value, expected) -> None:
    assert moment(value) == expected


HOSTILE = [
    b"",
    b"\x00\xff\xfe",
    b"{",
    b'{"reconcileID":',
    b'{"reconcileID": 7}',
    b'{"reconcileID": "1"}',
    b'{"reconcileID": "1", "ts": {}}',
    b'{"reconcileID": "1", "ts": 1e999, "name": []}',
    b'{"reconcileID": "' + b"9" * 5000 + b'", "ts": 5}',
    b'{"reconcileID": "1", "ts": ' + b"9" * 5000 + b"}",
    b'{"reconcileID": "\\ud800", "ts": 5, "name": "\\ud800", "controllerKind": ""}',
    b'{"reconcileID": "1", "ts": 5, "controllerKind": "P", "P": {"name": {}}, "msg": {}}',
    b'{"reconcileID":' + b"[" * 100_000,
    b'{"log": "{\\"reconcileID\\"", "stream": 1}',
    b'{"resourceSpans": 1}',
    b'{"resourceSpans": [1, null, {"resource": 1, "scopeSpans": {"spans": 1}}]}',
    (
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [{"key": {}}, 1, '
        b'{"key": "name", "value": {"stringValue": "x"}}, {"key": "controller", "value": 1}, '
        b'{"key": "reconcile_id", "value": {"stringValue": "x"}}], "startTimeUnixNano": -1}]}]}]}'
    ),
    b'{"msg": "Reconcile done, requeueing after \xc2\xb5", "reconcileID": "2", "ts": 5}',
]


@pytest.mark.parametrize("line", HOSTILE)
def test_hostile_lines_do_no_harm(line) -> None:
    reader = Reader(ALWAYS)
    reader.lines([line, b'{"reconcileID":"ok","ts":5,"name":"x"}'])
    assert "ok" in reader.found


@given(st.binary(max_size=200))
def test_any_bytes_do_no_harm(tail) -> None:
    Reader(ALWAYS).lines([b'{"reconcileID":"1","ts":5,' + tail, b"reconcileID" + tail, tail])


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = (
    SCALARS
    | st.lists(SCALARS, max_size=2)
    | st.dictionaries(
        st.sampled_from(["resource", "scopeSpans", "attributes", "name"]), SCALARS, max_size=2
    )
)
KEYS = st.sampled_from(
    ["reconcileID", "ts", "name", "controllerKind", "msg", "log", "stream", "resourceSpans"]
)


@given(st.dictionaries(KEYS, VALUES))
def test_any_json_does_no_harm(value) -> None:
    Reader(ALWAYS).lines([json.dumps(value | {"reconcileid": "1"}).encode()])


def test_lines_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b'{"a":"' + b"x" * (MAX_LINE + 5) + b'"}\n{"reconcileID":"ok","ts":5}\n')
    reader = read(path)
    assert (set(reader.found), reader.too_long) == ({"ok"}, 1)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "none")
    with pytest.raises(UsageError, match="not a file"):
        read(Path("/dev/null"))
