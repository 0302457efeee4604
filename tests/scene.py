"""All operators that check something on one cluster, recorded while somebody changes things."""

import http.server
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from tests import api, fixtures, passes, redis_server
from tests.accuracy import diary
from tests.blind_poller import Poller
from tests.recording import Edge, Recording, recording

PERIODS = {
    "poller": "1500ms",
    "owning": "1500ms",
    "renewal": "2s",
    "converging": "1s",
    "rewriting": "1500ms",
    "livereads": "1500ms",
    "many": "5s",
    "elsewhere": "1500ms",
    "requeue": "1500ms",
}
SEED = 1790
BLIND = f"blind {SEED}"
WITH_DIARY = (*(name for name in PERIODS if name != "requeue"), BLIND)
BEFORE_S, AFTER_S = 6, 7
BUDGET = "50%"
QUIET_S = 0.2
COUNTED = ("controller_runtime_reconcile_total", "rest_client_requests_total")
PLURAL = {
    "StatefulSet": "apis/apps/v1/{}/statefulsets",
    "Service": "api/v1/{}/services",
    "Secret": "api/v1/{}/secrets",
    "ConfigMap": "api/v1/{}/configmaps",
    "ServiceAccount": "api/v1/{}/serviceaccounts",
    "Role": "apis/rbac.authorization.k8s.io/v1/{}/roles",
}


@dataclass
class Case:
    """An operator that ran and was recorded; changes are somebody else's, by kind and name.

    Between the two edges all was attached, and at them it did nothing.
    """

    name: str
    operator: fixtures.Operator
    recording: Recording
    audit_log: Path
    blind: Poller | None = None
    edges: list[Edge] = field(default_factory=list)
    wall_ns: int = field(default_factory=lambda: time.time_ns() - time.monotonic_ns())
    changes: dict[tuple[str, str], api.Change] = field(default_factory=dict)

    @property
    def period_ns(self) -> int:
        if self.blind:
            return self.blind.period_ns
        return int(pd.Timedelta(PERIODS[self.name]).value)

    @cached_property
    def passes(self) -> list[passes.Pass]:
        return passes.read(self.operator.log)

    @cached_property
    def audited(self) -> list[api.Audited]:
        """What it asked for between the edges, leader election's requests apart."""
        first, last = (edge.ts_ns + self.wall_ns for edge in self.edges)
        return [
            one
            for one in api.audited(self.audit_log, f"{self.program}/")
            if first <= one.received_ns < last and "leader-election" not in one.user_agent
        ]

    @property
    def program(self) -> str:
        return self.blind.binary.name if self.blind else self.name

    @property
    def marks(self) -> dict[str, tuple[str, ...]]:
        """The end of file:line of each mark in its sources."""
        return self.blind.lines if self.blind else diary.marks(self.name)

    def between(self, frame: pd.DataFrame, column: str = "ts_ns") -> pd.DataFrame:
        """The rows between the edges."""
        first, last = (edge.ts_ns for edge in self.edges)
        return frame[(frame[column] >= first) & (frame[column] < last)]


def path_of(kind: str, namespace: str, name: str) -> str:
    """Where an object is in the API."""
    return f"/{PLURAL[kind].format(f'namespaces/{namespace}')}/{name}"


@dataclass
class Outside:
    """What the operators ask besides Kubernetes."""

    database: redis_server.Redis
    file: Path
    page: http.server.ThreadingHTTPServer

    @property
    def page_address(self) -> str:
        return f"127.0.0.1:{self.page.server_port}"

    def change(self) -> None:
        """Other words of the same length, in the file and on the page."""
        self.file.write_text("worse")


@contextmanager
def outside_of_kubernetes(folder: Path) -> Iterator[Outside]:
    """A database, a file, and a web page that shows the file."""
    file = folder / "state"
    file.write_text("great")

    class Page(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = file.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with (
        redis_server.running_redis(folder / "redis") as database,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server,
    ):
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Outside(database, file, server)
        server.shutdown()


def play(
    cluster: fixtures.Cluster, folder: Path, whowoke: Sequence[str], blind: Sequence[Poller] = ()
) -> dict[str, Case]:
    """Run, record and disturb them all; each case by its name, when all have ended."""
    drawn = {case_name(poller): poller for poller in blind}
    with ExitStack() as running, ExitStack() as recorded:
        outside = running.enter_context(outside_of_kubernetes(folder))
        operators = started(cluster, outside, blind, running)
        time.sleep(1)  # informers that the first passes opened

        def record(name: str) -> Recording:
            path = folder / f"{name.replace(' ', '-')}.whowoke"
            own = recording(operators[name].pid, path, "--budget", BUDGET, whowoke=whowoke)
            return recorded.enter_context(own)

        with ThreadPoolExecutor() as pool:
            recordings = dict(zip(operators, pool.map(record, operators), strict=True))
        cases = {
            name: Case(name, operator, recordings[name], cluster.audit_log, drawn.get(name))
            for name, operator in operators.items()
        }
        for case in cases.values():
            case.edges.append(settled_edge(case.operator.metrics_url))
        time.sleep(BEFORE_S)
        somebody = api.Api(cluster)
        disturb(cases, somebody, outside)
        pester(cases["livereads"].operator.namespace, somebody, AFTER_S)
        for case in cases.values():
            case.edges.append(settled_edge(case.operator.metrics_url))
        with ThreadPoolExecutor() as pool:
            list(pool.map(Recording.finish, recordings.values()))
        return cases


def case_name(poller: Poller) -> str:
    """How a blind poller's case is called."""
    return f"blind {poller.seed}"


def started(
    cluster: fixtures.Cluster, outside: Outside, blind: Sequence[Poller], running: ExitStack
) -> dict[str, fixtures.Operator]:
    """All operators, each by the name of its case."""
    operators = {}
    asks = [f"--database={outside.database.address}"]
    arguments = {
        "poller": asks,
        "elsewhere": [f"--file={outside.file}", f"--url=http://{outside.page_address}"],
    }
    for name, period in PERIODS.items():
        told = arguments.get(name, [])
        # Addresses are used again sooner where garbage is collected more often.
        often = {"GOGC": "10"} if name == "livereads" else None
        own = fixtures.operator(name, cluster, period=period, arguments=told, environment=often)
        operators[name] = running.enter_context(own)
    for poller in blind:
        period, told = f"{poller.period_ns}ns", [*asks, *poller.arguments]
        own = fixtures.operator(poller.binary, cluster, period=period, arguments=told)
        operators[case_name(poller)] = running.enter_context(own)
    return operators


def settled_edge(url: str, seconds: float = 60) -> Edge:
    """A moment around which the operator neither reconciled nor asked the API server."""

    def counters(metrics: fixtures.Metrics) -> fixtures.Metrics:
        return {key: value for key, value in metrics.items() if key[0] in COUNTED}

    def settled() -> Edge | None:
        first = fixtures.scrape(url)
        middle_ns = time.monotonic_ns() + int(QUIET_S / 2 * 1e9)
        time.sleep(QUIET_S)
        second = fixtures.scrape(url)
        return Edge(middle_ns, second) if counters(first) == counters(second) else None

    return fixtures.wait_until(settled, seconds, f"{url}: counters that stand still")


def pester(namespace: str, somebody: api.Api, seconds: float) -> None:
    """Change objects twice between two reads: the third value may lie where the first one lay."""
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        path = path_of("StatefulSet", namespace, f"livereads-{number % 2}-db")
        somebody.touch(path)
        time.sleep(0.1)
        somebody.touch(path)
        time.sleep(1.9)
        number += 1


def disturb(cases: dict[str, Case], somebody: api.Api, outside: Outside) -> None:
    """Change one thing or some of what each operator reads."""

    def touch(name: str, kind: str, child: str) -> None:
        case = cases[name]
        path = path_of(kind, case.operator.namespace, child)
        case.changes[kind, child] = somebody.touch(path)

    for name, number in (("poller", 0), ("owning", 0), ("converging", 0), ("converging", 1)):
        child = f"{name}-{number}-db"
        cases[name].changes["StatefulSet", child] = somebody.scale(name, child, 3)
    touch("poller", "Secret", "poller-1-db")
    outside.database.say("SET", "poller-2", "busy")
    outside.change()
    for kind, number in (
        ("Secret", 0), ("StatefulSet", 0), ("ServiceAccount", 1), ("Role", 1), ("Service", 2),
    ):  # fmt: skip
        touch("livereads", kind, f"livereads-{number}-db")
    touch("many", "Service", "many-db")
    size = "/apis/rewriting.example.com/v1/namespaces/rewriting/clusters/rewriting-0"
    change = somebody.patch(size, {"spec": {"size": 5}})
    cases["rewriting"].changes["Cluster", "rewriting-0"] = change
    for case in cases.values():
        if case.blind:
            kind = next(
                kind for kind in case.blind.reads if kind != "ConfigMap"
            )  # these are listed
            touch(case.name, kind, f"{case.blind.clusters[0]}-db")
