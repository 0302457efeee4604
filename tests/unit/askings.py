"""What reconciles ask, as the events that the recorder sees of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.unit.go_stacks import CACHE, CR
from tests.unit.network import MS
from tests.unit.synthetic import METRICS, QUEUE, WORKER, Synthetic
from whowoke.analysis.model import Analysis

REST = "k8s.io/client-go/rest.(*Request)"
API = "10.0.0.1:443"
READER = 0x5000
OWN = "main.(*Web).Reconcile@20"
BY_CACHE = (f"{CR}/cache/internal.(*CacheReader).Get", f"{CR}/client.(*client).Get", OWN)
BY_CLIENT = ("net/http.(*Transport).RoundTrip", f"{REST}.request", f"{REST}.Do",
             f"{CR}/client.(*typedClient).Get", OWN)  # fmt: skip
BY_WATCH = ("net/http.(*Transport).RoundTrip", f"{REST}.Watch", OWN)
BY_REFLECTOR = ("net/http.(*Transport).RoundTrip", f"{REST}.Do", f"{CACHE}.(*Reflector).list")
BY_HTTP = ("net/http.(*Transport).RoundTrip", "net/http.(*Client).Do", "main.(*Web).ask@30")
READ, WRITE, OPENAT, WAIT4 = 0, 1, 257, 61


class Asking(Synthetic):
    """A capture with requests."""

    @contextmanager
    def run(
        self, name: str = "a", *, goid: int = WORKER, after_ms: float = 0, ended: bool = True
    ) -> Iterator[None]:
        """Within it the object is being reconciled."""
        about = self.key(name) | {"queue": QUEUE, "metrics": METRICS}
        self.record("reconcile_start", goid=goid, controller=self.text("web"), **about)
        yield
        if ended:
            self.record("reconcile_result", goid=goid, requeue_after_ns=int(after_ms * MS))
        self.now += MS

    def reader(self, kind: str, group: str = "", reader: int = READER) -> None:
        """Which kind a cache is of."""
        about = {"group": group, "version": "v1", "object_kind": kind}
        texts = {name: self.text(text) if text else 0 for name, text in about.items()}
        self.record("cache_reader", reader=reader, **texts)

    def cached(
        self,
        name: str,
        version: str = "",
        *,
        goid: int = WORKER,
        pointers: int = 0,
        found: bool = True,
        reader: int = READER,
        type_name: str = "*v1.Pod",
        stack: Sequence[str] = BY_CACHE,
    ) -> int:
        """A cached object is read."""
        return self.record(
            "cache_read",
            goid=goid,
            reader=reader,
            object_type=self.text(type_name) if found else 0,
            objects=int(found),
            resource_version=self.text(version) if version else 0,
            pointers=pointers,
            stack=self.stack(stack),
            **self.key(name),
        )

    def listed(
        self, count: int, versions: int = 0, pointers: int = 0, *, goid: int = WORKER
    ) -> int:
        """A cached list is read."""
        return self.record(
            "cache_read",
            goid=goid,
            reader=READER,
            is_list=1,
            object_type=self.text("*v1.Pod") if count else 0,
            objects=count,
            versions=versions,
            pointers=pointers,
            namespace=self.text("ns"),
            stack=self.stack(BY_CACHE),
        )

    def ask(
        self,
        method: str,
        path: str,
        *,
        goid: int = WORKER,
        host: str = API,
        stack: Sequence[str] = BY_CLIENT,
    ) -> int:
        """A request is sent."""
        return self.record(
            "http_request",
            goid=goid,
            http_method=self.text(method) if method else 0,
            host=self.text(host),
            path=self.text(path),
            stack=self.stack(stack),
        )

    def answer(self, status: int = 200, *, goid: int = WORKER) -> int:
        """The answer's headers are there."""
        return self.record("http_response", goid=goid, status=status)

    def decoded(
        self,
        name: str = "",
        version: str = "",
        sent: str = "",
        *,
        goid: int = WORKER,
        type_name: str = "*v1.Pod",
        objects: int = 0,
        versions: int = 0,
        failed: bool = False,
    ) -> int:
        """The answer is decoded into an object or a list."""
        return self.record(
            "answer_decoded",
            goid=goid,
            object_type=self.text(type_name),
            resource_version=self.text(version) if version else 0,
            sent_version=self.text(sent) if sent else 0,
            objects=objects,
            versions=versions,
            failed=int(failed),
            **(self.key(name) if name else {}),
        )

    def get_pod(self, name: str, version: str) -> None:
        """An object is asked for and comes."""
        self.ask("GET", f"/api/v1/namespaces/ns/pods/{name}")
        self.answer()
        self.decoded(name, version)

    def put(self, name: str, version: str, sent: str, resource: str = "pods") -> None:
        """An object is written."""
        self.ask("PUT", f"/api/v1/namespaces/ns/{resource}/{name}")
        self.answer()
        self.decoded(name, version, sent)

    def event(self, kind: str, name: str, version: str, goid: int = 60) -> int:
        """A watch event of a Pod."""
        return self.record(
            "watch_event",
            goid=goid,
            event_type=self.text(kind),
            object_type=self.text("*v1.Pod"),
            resource_version=self.text(version),
            **self.key(name),
        )

    def requests(self, *columns: str) -> list[tuple[object, ...]]:
        """These columns of the table, None for what isn't known."""
        return _rows(Analysis(self).requests, columns)

    def verdicts(self) -> list[str]:
        """``redundant`` of each reconcile."""
        return [verdict for verdict, _ in Analysis(self).redundancy]

    def reason(self) -> str:
        """``redundant_reason`` of the last reconcile."""
        return Analysis(self).redundancy[-1][1]

    def counts(self) -> tuple[object, ...]:
        """Of the last reconcile: cache reads, API reads, API writes, other requests."""
        names = ("cache_reads", "api_reads", "api_writes", "other_requests")
        return _rows(Analysis(self).judged, names)[-1]


def _rows(frame: object, columns: Sequence[str]) -> list[tuple[object, ...]]:
    part = frame[list(columns)].astype(object)  # type: ignore[index]
    return [tuple(row) for row in part.where(part.notna(), None).itertuples(index=False)]
