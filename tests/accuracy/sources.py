"""The truth: why each operator of tests/operators wakes or reconciles.

One row for each reason. A judge compares it with what whowoke says, after the verdict; nothing in
the recording depends on it. An operator marks its lines: @asks is the return that asks for a
requeue, @arms sets a timer, @waits is where its goroutine waits.
"""

from tests import fixtures
from tests.accuracy.truth import Source, Wakes


def _own(cause: str, **more: object) -> Wakes:
    return Wakes("operator", cause, "timer", marks=True, **more)  # type: ignore[arg-type]


SOURCES = (
    # --- Reconcile asks ---------------------------------------------------------------------------
    Source("requeue", "requeue", reconciles="requeue.after", asks=True, diary=False),
    Source(
        "requeue-classic",
        "requeue",
        reconciles="requeue.after",
        asks=True,
        classic=True,
        diary=False,
    ),
    Source("layered", "layered", reconciles="requeue.after", asks=True),
    Source("backoff", "backoff", reconciles="requeue.error", asks=True, warm_up_s=5),
    Source("again", "again", reconciles="requeue.rate_limited", asks=True, warm_up_s=5),
    Source(
        "again-classic",
        "again",
        reconciles="requeue.rate_limited",
        asks=True,
        warm_up_s=5,
        classic=True,
    ),
    # --- client-go and controller-runtime ---------------------------------------------------------
    Source(
        "resync",
        "resync",
        wakes=(Wakes("client-go", "informer.resync", "timer", at="about 2s"),),
        reconciles="informer.resync",
        diary=False,
    ),
    Source(
        "leader",
        "leader",
        wakes=(
            Wakes("client-go", "leader_election.renew", "timer", at="audit update received leases"),
        ),
    ),
    Source(
        "standby",
        "leader",
        wakes=(
            Wakes("client-go", "leader_election.acquire", "timer", at="audit get received leases"),
        ),
        actor="leader",
        objects=0,
    ),
    Source(
        "rewatch",
        "rewatch",
        wakes=(
            Wakes(
                "client-go",
                "informer.rewatch",
                "descriptor",
                at="audit watch complete configmaps timeoutSeconds=2&",
            ),
        ),
    ),
    Source(
        "relist",
        "relist",
        wakes=(
            Wakes("client-go", "informer.relist", "timer", at="audit list received configmaps"),
        ),
        reconciles="informer.relist",
        seconds=130,
        least_s=62,
    ),
    # The second watch of each round asks for a version that the API server doesn't know any more:
    # the 410 comes with the answer. What changes before the next list comes with that list.
    Source(
        "gone",
        "gone",
        wakes=(
            Wakes(
                "client-go",
                "informer.relist",
                "timer",
                at="audit watch received things sendInitialEvents=true",
            ),
        ),
        reconciles="replay",
        actor="thing-toucher",
        seconds=130,
        least_s=62,
    ),
    Source(
        "unsynced",
        "unsynced",
        wakes=(Wakes("client-go", "informer.sync", "timer", at="diary asked"),),
    ),
    Source(
        "mutation-detector",
        "quiet",
        wakes=(Wakes("client-go", "informer.mutation_detector", "timer", at="every 1s"),),
        environment=(("KUBE_CACHE_MUTATION_DETECTOR", "true"),),
    ),
    Source(
        "missing-kind",
        "missingkind",
        wakes=(Wakes("controller-runtime", "source.retry", "timer", at="diary lookup"),),
        seconds=62,
        least_s=32,
    ),
    Source(
        "events",
        "eventful",
        wakes=(Wakes("client-go", "events.broadcast", "timer", at="diary attempt"),),
    ),
    Source(
        "certfiles",
        "certfiles",
        wakes=(Wakes("client-go", "transport.certificate", "timer", at="every 2s"),),
        arguments=("--cert-dir={folder}",),
    ),
    Source(
        "throttled",
        "throttled",
        wakes=(Wakes("client-go", "request.throttled", "timer", marks=True),),
    ),
    Source(
        "ping",
        "ping",
        wakes=(
            Wakes(
                "client-go",
                "http2.ping",
                "timer",
                at="every 2s",
                function="*healthCheck*",
            ),
        ),
        environment=(("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "2"),),
    ),
    Source(
        "certwatcher",
        "webhooked",
        wakes=(Wakes("controller-runtime", "certwatcher.poll", "timer", at="every 2s"),),
        arguments=("--webhook-port={port}", "--cert-dir={folder}"),
    ),
    Source(
        "queue",
        "quiet",
        wakes=(
            Wakes("controller-runtime", "workqueue.metrics", "timer", at="every 0.5s"),
            Wakes("controller-runtime", "workqueue.log_state", "timer", at="every 10s"),
        ),
    ),
    Source(
        "queue-classic",
        "quiet",
        wakes=(
            Wakes("client-go", "workqueue.metrics", "timer", at="every 0.5s"),
            Wakes("client-go", "workqueue.heartbeat", "timer", at="every 10s"),
        ),
        classic=True,
    ),
    # --- from outside -----------------------------------------------------------------------------
    Source(
        "touched",
        "quiet",
        wakes=(
            Wakes(
                "api-event",
                "watch.event",
                "descriptor",
                at="actor",
                subject="*ConfigMap*",
            ),
        ),
        reconciles="watch.event",
        actor="toucher",
    ),
    Source(
        "probed",
        "quiet",
        wakes=(Wakes("inbound", "http.probe", "descriptor", at="actor"),),
        actor="prober",
    ),
    Source(
        "scraped",
        "quiet",
        wakes=(Wakes("inbound", "http.metrics", "descriptor", at="actor"),),
        actor="scraper",
    ),
    Source(
        "webhooked",
        "webhooked",
        wakes=(Wakes("inbound", "http.webhook", "descriptor", at="actor"),),
        arguments=("--webhook-port={port}", "--cert-dir={folder}"),
        actor="admission",
    ),
    Source(
        "signalled",
        "signalled",
        wakes=(Wakes("os", "signal", "signal"),),
        reconciles="signal",
        actor="hangups",
    ),
    Source(
        "filewatch",
        "filewatch",
        wakes=(Wakes("os", "file.event", "descriptor", at="actor"),),
        reconciles="file.event",
        arguments=("--file={folder}/settings",),
        actor="writer",
    ),
    Source(
        "pushed",
        "pushed",
        wakes=(Wakes("outbound", "network.response", "descriptor", subject="*{peer}*"),),
        reconciles="network.response",
        arguments=("--peer={peer}",),
        actor="pusher",
    ),
    # --- the operator itself ----------------------------------------------------------------------
    Source(
        "ticker",
        "ticker",
        wakes=(_own("operator.ticker", at="every 2s"),),
        reconciles="operator.ticker",
        diary=False,
    ),
    Source("timerloop", "timerloop", wakes=(_own("operator.timer"),), reconciles="operator.timer"),
    Source("sleeploop", "sleeploop", wakes=(_own("operator.sleep"),), reconciles="operator.sleep"),
    Source("afterfunc", "afterfunc", wakes=(_own("operator.timer"),), reconciles="operator.timer"),
    Source("waituntil", "waituntil", wakes=(_own("operator.timer"),), reconciles="operator.timer"),
    Source("waitpoll", "waitpoll", wakes=(_own("operator.ticker"),), reconciles="operator.ticker"),
    # Its informer may not list: it tries again and again beside the poll.
    Source(
        "fakewatch",
        "fakewatch",
        wakes=(
            _own("operator.ticker"),
            Wakes("client-go", "informer.relist", "timer", at="audit list received configmaps"),
        ),
        seconds=130,
        least_s=62,
    ),
    Source(
        "cron",
        "cron",
        wakes=(
            Wakes("operator", "operator.cron", "timer", function="github.com/robfig/cron/v3.*"),
        ),
        reconciles="operator.cron",
    ),
    Source(
        "readdeadline",
        "readdeadline",
        wakes=(_own("operator.timer"),),
        reconciles="operator.timer",
        arguments=("--peer={peer}",),
        actor="silent",
    ),
    Source(
        "httptimeout",
        "httptimeout",
        wakes=(_own("operator.timer"),),
        reconciles="operator.timer",
        arguments=("--peer={peer}",),
        actor="silent",
    ),
    Source(
        "asking",
        "asking",
        wakes=(
            _own("operator.ticker"),
            Wakes("operator", "operator.ticker", "descriptor", at="diary answer", continues=True),
        ),
        reconciles="operator.ticker",
        arguments=("--peer={peer}",),
        actor="answerer",
    ),
    Source(
        "klogflush",
        "klogflush",
        wakes=(
            Wakes("library", "library.ticker", "timer", at="every 2s", subject="k8s.io/klog/v2*"),
        ),
    ),
    Source(
        "keepalive",
        "keepalive",
        wakes=(
            Wakes(
                "library", "library.ticker", "timer", at="actor", subject="google.golang.org/grpc"
            ),
            Wakes("outbound", "network.response", "descriptor", at="actor", subject="*{peer}*"),
        ),
        arguments=("--peer={peer}",),
        actor="grpc",
        seconds=62,
        least_s=32,
    ),
    # --- the Go runtime ---------------------------------------------------------------------------
    # The reader of profiles sleeps 0.1 s; a trace is cut each second, too.
    Source(
        "traced", "traced", wakes=(Wakes("runtime", "runtime.trace", "timer", at="about 0.091s"),)
    ),
    Source(
        "scavenged",
        "scavenged",
        wakes=(
            _own("operator.ticker"),
            Wakes("runtime", "runtime.scavenger", "timer", at="actor"),
        ),
        binary=fixtures.PROGRAMS / "scavenged-unstripped",
        actor="scavenger",
    ),
    Source(
        "collected",
        "quiet",
        wakes=(
            Wakes("runtime", "runtime.gc", "gc", at="gctrace"),
            Wakes("api-event", "watch.bookmark", "descriptor", at="every 60s"),
        ),
        environment=(("GODEBUG", "gctrace=1"),),
        seconds=255,
        least_s=135,
    ),
    # --- several at once --------------------------------------------------------------------------
    # 13 s over 5 s: with a priority queue each resync absorbs the requeue; the classic keeps it.
    Source("overlap", "overlap", reconciles="replay", asks=True),
    Source("overlap-classic", "overlap", reconciles="replay", asks=True, classic=True),
    # A requeue chain that began with a resync.
    Source(
        "chain",
        "overlap",
        reconciles="replay",
        asks=True,
        arguments=("--after=2s", "--sync=13s"),
    ),
    # An event from outside comes while a requeue is pending.
    Source(
        "early",
        "overlap",
        reconciles="replay",
        asks=True,
        arguments=("--after=2s", "--sync=10h"),
        actor="slow-toucher",
    ),
    Source(
        "early-classic",
        "overlap",
        reconciles="replay",
        asks=True,
        arguments=("--after=2s", "--sync=10h"),
        actor="slow-toucher",
        classic=True,
    ),
    Source("merged", "merged", wakes=(_own("operator.ticker"),), reconciles="replay"),
    Source(
        "merged-classic",
        "merged",
        wakes=(_own("operator.ticker"),),
        reconciles="replay",
        classic=True,
    ),
)
