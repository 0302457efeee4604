"""What operators read, whether they had to, and whether an event existed, against three truths.

The operators' own diaries (tests/passes.py), the API server's audit log, and the operators' own
metrics. One recording of each operator serves all tests.
"""

from collections import Counter
from collections.abc import Iterator

import pandas as pd
import pytest

from tests.passes import Pass, Read, with_last
from tests.scene import BLIND, Case

ABOUT = ("verb", "group", "version", "resource", "subresource", "namespace", "name", "status")
# Kinds whose objects are read unstructured: their versions are in a map, where nobody looks.
UNSTRUCTURED = (("livereads", "StatefulSet"), ("livereads", "Role"))
# What each controller reads from whom, and whether there is an event for it. The blind poller
# comes below.
EVENTS = {
    "poller": {
        ("cluster", "cache", "Cluster"): "handled",
        ("cluster", "cache", "StatefulSet"): "unhandled",
        ("cluster", "cache", "Service"): "unhandled",
        ("cluster", "cache", "Secret"): "unhandled",
        ("cluster", "cache", "ConfigMap"): "unhandled",
        ("cluster", "connection", ""): "outside",
        ("backup", "cache", "Backup"): "handled",
        ("backup", "cache", "Cluster"): "unhandled",
        ("backup", "cache", "Secret"): "unhandled",
    },
    "owning": {
        ("cluster", "cache", "Cluster"): "handled",
        ("cluster", "cache", "StatefulSet"): "handled",
        ("cluster", "cache", "Service"): "handled",
    },
    "renewal": {("renewal", "cache", "Secret"): "handled"},
    "converging": {
        ("converging", "cache", "ConfigMap"): "handled",
        ("converging", "cache", "StatefulSet"): "unhandled",
    },
    "rewriting": {
        ("typed", "cache", "Cluster"): "handled",
        ("typed", "cache", "ConfigMap"): "unhandled",
        ("untyped", "cache", "ConfigMap"): "handled",
    },
    "livereads": {
        ("livereads", "cache", "ConfigMap"): "handled",
        ("livereads", "cache", "StatefulSet"): "unhandled",
        ("livereads", "cache", "ServiceAccount"): "unhandled",
        ("livereads", "api", "Secret"): "unwatched",
        ("livereads", "api", "Service"): "unwatched",
        ("livereads", "api", "limitranges"): "unwatched",  # there is none, so no kind is known
        ("livereads", "api", "roles"): "unwatched",
        ("livereads", "api", "ServiceAccount"): "unhandled",
    },
    "many": {
        ("parallel", "cache", "ConfigMap"): "handled",
        ("parallel", "cache", "Service"): "unhandled",
        ("parallel", "cache", "Secret"): "unhandled",
        ("parallel", "api", "ConfigMap"): "handled",
        ("handing", "cache", "Secret"): "handled",
    },
    "elsewhere": {
        ("elsewhere", "cache", "ConfigMap"): "handled",
        ("elsewhere", "api", "ConfigMap"): "handled",
        ("elsewhere", "file", ""): "outside",
        ("elsewhere", "http", ""): "outside",
    },
}


def test_requests_equal_the_audit_log(case: Case) -> None:
    requests = case.between(case.recording.tables["requests"])
    seen = requests[requests.kind.eq("api") & requests.verb.ne("watch")]
    seen = seen[seen.resource.ne("leases")].astype({"status": int})
    seen = seen.fillna(dict.fromkeys(("group", "subresource", "name"), ""))
    expected = Counter(
        tuple(getattr(one, name) for name in ABOUT) for one in case.audited if one.verb != "watch"
    )
    assert Counter(seen[list(ABOUT)].itertuples(index=False, name=None)) == expected


def test_requests_equal_the_operators_own_counter(case: Case) -> None:
    requests = case.between(case.recording.tables["requests"])
    seen = Counter(requests[requests.kind == "api"].status.astype(str))
    first, last = case.edges
    codes = {dict(labels).get("code", "") for name, labels in last.metrics if "rest_c" in name}
    expected = {
        code: last.count("rest_client_requests_total", code=code)
        - first.count("rest_client_requests_total", code=code)
        for code in codes - {""}
    }
    assert seen == {code: count for code, count in expected.items() if count}


def test_each_reconcile_has_its_reads(case: Case) -> None:
    """With kind, name, version and line, also those of the goroutines that it started."""
    requests = case.recording.tables["requests"]
    by_reconcile = dict(iter(requests.groupby("reconcile_id")))
    checked = 0
    for one, row in matched(case):
        if one.controller == "handing" or one.name == "elsewhere-3":
            continue  # another goroutine asks for it, or nobody decodes the answer
        rows = by_reconcile[row.reconcile_id]
        reads = rows[rows.verb.isin(("get", "list")) & rows.kind.isin(("cache", "api"))]
        reads = reads.fillna({"resource_version": "", "objects": 0})
        expected = Counter(
            (source, name, len(found) if name == "" else bool(found), version_of(case, read))
            for read in one.reads
            for source, _, name, found in [read]
        )
        assert Counter(as_said(read) for read in reads.itertuples()) == expected
        sources = Counter(source for source, *_ in one.reads)
        assert (row.cache_reads, row.api_reads) == (sources["cache"], sources["api"])
        assert row.api_writes == len(one.writes)
        checked += 1
    assert checked


def test_each_read_has_its_line(case: Case) -> None:
    requests = case.between(case.recording.tables["requests"])
    rows = requests[requests.reconcile_id.notna() & requests.kind.isin(("cache", "api"))]
    known = {place for places in case.marks.values() for place in places}
    assert len(rows) or case.name == "owning"
    for location in rows.location.unique():
        assert any(location.endswith(place) for place in known), location


def test_writes_that_changed_something(case: Case) -> None:
    requests = case.recording.tables["requests"]
    writes = requests[requests.verb.isin(("create", "update", "patch")) & requests.kind.eq("api")]
    for one, row in matched(case):
        seen = writes[writes.reconcile_id == row.reconcile_id]
        assert len(seen) == len(one.writes)
        for write, found in zip(one.writes, seen.sort_values("ts_ns").itertuples(), strict=True):
            assert found.name == write.name
            if write.verb == "apply":  # of an unstructured object it may be unknown
                assert pd.isna(found.changed) or bool(found.changed) == write.changed
            else:
                assert bool(found.changed) == write.changed, (write, found)


def test_no_verdict_on_a_reconcile_is_wrong(case: Case) -> None:
    """What differed is never redundant, and what is said to have differed did."""
    verdicts = Counter[str]()
    redundant = case.recording.tables["reconciles"].set_index("reconcile_id").redundant
    for one, last, row in repeated(case):
        verdict = redundant[row.reconcile_id]
        verdicts[verdict] += 1
        if not one.repeats(last):
            assert verdict != "yes", (one, last)
        elif verdict == "no":
            assert case.name == "renewal", (row.redundant_reason, one, last)  # its result differs
        if one.outside or one.controller == "handing":
            assert verdict != "yes", (one, row.redundant_reason)
    assert verdicts or case.name == "owning"


def test_what_repeats_is_redundant(case: Case) -> None:
    found = [
        (row.redundant, row.redundant_reason)
        for one, last, row in repeated(case)
        if one.repeats(last) and known(one)
    ]
    if case.name in ("owning", "renewal", "elsewhere"):
        assert not found
        return
    # One that had to wait for a lock of another goroutine isn't known.
    verdicts = Counter(verdict for verdict, _ in found)
    assert verdicts["no"] == 0
    assert verdicts["yes"] >= max(3, 0.9 * len(found)), Counter(found)


@pytest.mark.parametrize("name", EVENTS)
def test_whether_there_is_an_event(name: str, cases: dict[str, Case]) -> None:
    assert events(cases[name]) == EVENTS[name]


def test_whether_there_is_an_event_for_a_blind_poller(cases: dict[str, Case]) -> None:
    poller = cases[BLIND].blind
    assert poller
    cluster, backup = poller.cluster_kind, poller.backup_kind
    expected = {
        (cluster.lower(), "cache", cluster): "handled",
        (cluster.lower(), "connection", ""): "outside",
        (backup.lower(), "cache", backup): "handled",
        (backup.lower(), "cache", cluster): "unhandled",
        (backup.lower(), "cache", "Secret"): "unhandled",
    }
    expected |= {(cluster.lower(), "cache", kind): "unhandled" for kind in poller.reads}
    assert events(cases[BLIND]) == expected


@pytest.mark.parametrize("name", ["poller", "converging", "livereads", BLIND])
def test_a_change_is_noticed_late(name: str, cases: dict[str, Case]) -> None:
    """The event that reached the process is named at the first read of what it brought."""
    case, told = cases[name], 0
    requests = case.recording.tables["requests"]
    controllers = case.recording.tables["reconciles"].set_index("reconcile_id").controller
    for (_, child), change in case.changes.items():
        version = change.resource_version
        rows = requests[requests.resource_version.eq(version) & requests.name.eq(child)]
        rows = rows[rows.kind.eq("cache") & rows.verb.eq("get")].sort_values("ts_ns")
        for _, of_one in rows.groupby(controllers.reindex(rows.reconcile_id).to_numpy()):
            first = of_one.iloc[0]
            assert change.start_ns <= first.event_ns <= change.end_ns + 500_000_000
            # It may come while the reconcile runs that reads it.
            late_ns = first.ts_ns - first.event_ns
            assert 0 <= late_ns <= case.period_ns * 1.2
            told += 1
    assert told >= (2 if name == "poller" else 1)


def test_the_blind_poller_asks_at_its_returns(cases: dict[str, Case]) -> None:
    poller, recording = cases[BLIND].blind, cases[BLIND].recording
    assert poller
    causes = recording.tables["causes"]
    asked = causes[causes.cause.eq("requeue.after") & causes.reconciles.gt(0)]
    by_controller = asked.set_index("controller")
    for kind, mark, function in (
        (poller.cluster_kind, "asks", poller.reconcilers[0]),
        (poller.backup_kind, "backup_asks", poller.reconcilers[1]),
    ):
        found = by_controller.loc[kind.lower()]
        assert (found.function, found.location_kind) == (function, "returned")
        assert found.location in poller.lines[mark]
        assert abs(found.median_gap_ns / poller.period_ns - 1) < 0.1


def matched(case: Case) -> Iterator[tuple[Pass, "pd.Series[object]"]]:
    """Each pass between the edges with its reconcile."""
    rows = case.between(case.recording.tables["reconciles"], "start_ns")
    by_object: dict[tuple[str, ...], list[object]] = {}
    for row in rows.itertuples():
        by_object.setdefault((row.controller, row.namespace, row.name), []).append(row)
    first, last = (edge.ts_ns for edge in case.edges)
    for one in case.passes:
        if not first <= one.start_ns < last:
            continue
        controller, *rest = one.key
        found = [
            row
            for row in by_object[controller.lower(), *rest]
            if row.start_ns <= one.start_ns and one.end_ns <= row.end_ns
        ]
        assert len(found) == 1, one
        yield one, found[0]


def repeated(case: Case) -> Iterator[tuple[Pass, Pass, "pd.Series[object]"]]:
    """Those that aren't the first of their object between the edges, with the one before."""
    rows = dict(matched(case))
    for one, last in with_last(list(rows)):
        if last is not None:
            yield one, last, rows[one]


def events(case: Case) -> dict[tuple[str, str, str], str]:
    """Whether there is an event, by controller, whom it asks and about what."""
    checks = case.recording.tables["checks"]
    checks = checks.fillna({"object_kind": ""})
    return {(row.controller, row.kind, row.object_kind): row.event for row in checks.itertuples()}


def version_of(case: Case, read: Read) -> str:
    """The resource version that can be known of a read."""
    _, kind, name, found = read
    in_a_map = (case.name, kind) in UNSTRUCTURED
    return found[0].partition("=")[2] if name and found and not in_a_map else ""


def known(one: Pass) -> bool:
    """Whether all that it read and wrote can be compared with the last time."""
    live = any(kind == "Role" for _, kind, *_ in one.reads)  # unstructured
    return not (one.outside or live or one.controller in ("handing", "untyped"))


def as_said(row: "pd.Series[object]") -> tuple[str, str, object, str]:
    """A read as the diary has it."""
    if row.verb == "list":
        return row.kind, "", int(row.objects), ""
    there = bool(row.found) if row.kind == "cache" else row.status == 200
    return row.kind, row.name, there, row.resource_version if there else ""
