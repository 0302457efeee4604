"""What explain says of each operator that checks something, field by field."""

from collections import Counter
from typing import Any

import pandas as pd
import pytest

from tests.passes import Pass
from tests.scene import BLIND, Case

SCENARIOS = ("recorded", "without_plumbing", "without_redundant", "writing_events")
MISSED, LIVE, OUTSIDE = "watch_without_handler", "unwatched_secondary", "external_state"
# The controllers that ask for a requeue: the mark of the return, why they ask, and whether that is
# avoidable.
ASKING = {
    "poller": {
        "cluster": ("asks", {MISSED, OUTSIDE}, "unknown"),
        "backup": ("backup_asks", {MISSED}, "yes"),
    },
    "owning": {},
    "renewal": {"renewal": ("asks", {"clock"}, "no")},
    "converging": {"converging": ("asks", {MISSED, "convergence_wait"}, "unknown")},
    "rewriting": {
        "typed": ("asks", {MISSED}, "yes"),
        "untyped": ("asksuntyped", set(), "unknown"),
    },
    "livereads": {"livereads": ("asks", {MISSED, LIVE}, "yes")},
    "elsewhere": {"elsewhere": ("asks", {OUTSIDE}, "unknown")},
    "requeue": {"greeting": ("asks", {"insurance"}, "yes")},
}
# By event: the kinds, and whose controllers read them.
EVENTS = {
    "poller": {
        "handled": {"Cluster": {"cluster"}, "Backup": {"backup"}},
        "unhandled": {
            "StatefulSet": {"cluster"},
            "Service": {"cluster"},
            "Secret": {"cluster", "backup"},
            "ConfigMap": {"cluster"},
            "Cluster": {"backup"},
        },
        "outside": {"redis": {"cluster"}},
    },
    "owning": {
        "handled": {"Cluster": {"cluster"}, "StatefulSet": {"cluster"}, "Service": {"cluster"}}
    },
    "converging": {
        "handled": {"ConfigMap": {"converging"}},
        "unhandled": {"StatefulSet": {"converging"}},
    },
    "livereads": {
        "handled": {"ConfigMap": {"livereads"}},
        "unhandled": {"StatefulSet": {"livereads"}, "ServiceAccount": {"livereads"}},
        "unwatched": {
            kind: {"livereads"} for kind in ("Secret", "Service", "limitranges", "roles")
        },
    },
}


@pytest.fixture(scope="session")
def explained(cases: dict[str, Case]) -> dict[str, dict[str, Any]]:
    return {name: case.recording.explain().json() for name, case in cases.items()}


@pytest.mark.parametrize("name", ASKING)
def test_who_asks_where_and_why(
    name: str, cases: dict[str, Case], explained: dict[str, dict[str, Any]]
) -> None:
    case = cases[name]
    asking = {
        cause["controller"]: cause
        for cause in explained[name]["causes"]
        if cause["cause"] == "requeue.after"
    }
    assert set(asking) == set(ASKING[name])
    for controller, (mark, reasons, avoidable) in ASKING[name].items():
        cause = asking[controller]
        (place,) = case.marks[mark]
        assert cause["location"].endswith(place)
        assert (cause["origin"], cause["location_kind"]) == ("requeue", "returned")
        assert cause["function"].startswith("main.(*")
        assert cause["function"].endswith(").Reconcile")
        assert set(filter(None, cause["reasons"].split(";"))) == reasons, cause["evidence"]
        assert cause["evidence"].keys() == reasons
        assert cause["avoidable"] == avoidable
        assert (cause["module"], cause["api_server"]) == ("operator", "none")
        assert cause["advice"]
        if name != "renewal":
            assert abs(cause["median_gap_ns"] / case.period_ns - 1) < 0.1
            assert cause["armed_period_ns"] == case.period_ns


def test_the_logic_of_a_requeue_is_the_operators(explained: dict[str, dict[str, Any]]) -> None:
    for name, said in explained.items():
        for row in said["logic"]:
            if row["cause"] == "requeue.after":
                assert (row["module"], row["api_server"]) == ("operator", "none"), name
            if row["cause"] == "watch.event":
                assert row["api_server"] == "sends", name


@pytest.mark.parametrize("name", EVENTS)
def test_the_events(name: str, explained: dict[str, dict[str, Any]]) -> None:
    said = explained[name]["events"]
    found = {
        event: {
            "redis" if event == "outside" else one["name"]: set(one["controllers"]) for one in ones
        }
        for event, ones in said.items()
        if ones
    }
    assert found == EVENTS[name]


def test_redundancy_is_counted(case: Case, explained: dict[str, dict[str, Any]]) -> None:
    said = explained[case.name]["redundancy"]
    reconciles = case.recording.tables["reconciles"]
    assert said["reconciles"] == len(reconciles)
    for verdict in ("yes", "no", "unknown"):
        rows = reconciles[reconciles.redundant == verdict]
        assert said[verdict] == len(rows)
        counted = [r["count"] for r in said["reasons"] if r["redundant"] == verdict]
        assert sum(counted) == len(rows)


def test_writes_are_counted(case: Case, explained: dict[str, dict[str, Any]]) -> None:
    """As the diary has them: those that changed something, and those that didn't.

    What was still under way when the recording ended is as the table of requests has it.
    """
    reconciles = case.recording.tables["reconciles"]
    unfinished = reconciles[reconciles.end_ns.isna()]
    expected: Counter[tuple[str, str, bool | None]] = Counter()
    for one in recorded(case, reconciles.dropna(subset="end_ns")):
        for write in one.writes:
            verb = "patch" if write.verb == "apply" else write.verb
            expected[one.controller.lower(), verb, write.changed] += 1
    requests = case.recording.tables["requests"]
    requests = requests[requests.verb.isin(("create", "update", "patch"))]
    for row in requests.merge(unfinished, on="reconcile_id").itertuples():
        answered = not pd.isna(row.changed)
        expected[row.controller, row.verb, bool(row.changed) if answered else None] += 1
    for row in explained[case.name]["writes"]:
        about = (row["controller"], row["verb"])
        assert row["writes"] == row["changed"] + row["unchanged"] + row["unknown"]
        counts = [expected.pop((*about, changed), 0) for changed in (True, False, None)]
        assert row["writes"] == sum(counts)
        if about != ("untyped", "patch"):
            assert [row["changed"], row["unchanged"], row["unknown"]] == counts
    assert not expected


def test_less_wakes_let_it_sleep_longer(case: Case, explained: dict[str, dict[str, Any]]) -> None:
    said = explained[case.name]
    assert [row["scenario"] for row in said["ideals"]] == list(SCENARIOS)
    for name in ("asleep_ns", "longest_sleep_ns"):
        values = [row[name] for row in said["ideals"]]
        assert values == sorted(values)
        assert values[-1] <= said["duration_ns"]
    wakeups = [row["wakeups"] for row in said["ideals"]]
    assert wakeups == sorted(wakeups, reverse=True)
    assert wakeups[0] == said["wakeups"]


def test_who_does_it_right_has_nothing_to_avoid(explained: dict[str, dict[str, Any]]) -> None:
    said = explained["owning"]
    assert said["redundancy"]["yes"] == 0
    avoidable = [
        cause["cause"]
        for cause in said["causes"]
        if cause["reconciles"] and cause["avoidable"] == "yes"
    ]
    assert not avoidable


def test_a_blind_poller_is_explained(
    cases: dict[str, Case], explained: dict[str, dict[str, Any]]
) -> None:
    poller, said = cases[BLIND].blind, explained[BLIND]
    assert poller
    cluster, backup = poller.cluster_kind.lower(), poller.backup_kind.lower()
    by_controller = {c["controller"]: c for c in said["causes"] if c["cause"] == "requeue.after"}
    assert set(by_controller) == {cluster, backup}
    assert set(by_controller[cluster]["reasons"].split(";")) == {MISSED, OUTSIDE}
    assert by_controller[backup]["reasons"] == MISSED
    unhandled = {one["name"] for one in said["events"]["unhandled"]}
    assert unhandled == {*poller.reads, "Secret", poller.cluster_kind}
    for kind in poller.reads:
        assert f"{kind}{{}}" in by_controller[cluster]["advice"]
    assert {one["name"] for one in said["events"]["handled"]} == {
        poller.cluster_kind,
        poller.backup_kind,
    }


def recorded(case: Case, reconciles: pd.DataFrame) -> list[Pass]:
    """The passes of these reconciles."""
    columns = ["controller", "namespace", "name", "start_ns", "end_ns"]
    spans: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for *about, start_ns, end_ns in reconciles[columns].itertuples(index=False, name=None):
        spans.setdefault(tuple(about), []).append((start_ns, end_ns))
    return [
        one
        for one in case.passes
        if any(
            start_ns <= one.start_ns and one.end_ns <= end_ns
            for start_ns, end_ns in spans.get((one.controller.lower(), *one.key[1:]), ())
        )
    ]
