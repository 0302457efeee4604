"""Who provokes wake-ups from outside, and peers that operators talk to."""

import json
import os
import re
import signal
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests import fixtures
from tests.accuracy.truth import Source
from tests.bpftrace import bpftrace

ANSWER_AFTER_S = 0.15
# RFC 9113, sections 3.4 and 6.
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HTTP2_SETTINGS, HTTP2_PING, HTTP2_ACK = 4, 6, 1
NOTED_LATE_NS = 60_000_000
# The function of the timer on which the scavenger sleeps, in runtime/mgcscavenge.go.
SCAVENGER = """
uprobe:{program}:"runtime.(*scavengerState).init.func1" /pid == {pid}/ {{
    printf("@ %llu\\n", nsecs);
}}
"""
JUST_BEFORE_NS = 1_000_000
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "1",
        "name": "somebody",
        "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
        "resource": {"group": "", "version": "v1", "resource": "configmaps"},
        "operation": "CREATE",
        "object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "somebody"}},
    },
}


@dataclass
class Actor:
    """What an actor did: from when to when; peer is its address, if it has one."""

    moments: list[tuple[int, int]] = field(default_factory=list)
    peer: str = ""

    @contextmanager
    def act(self) -> Iterator[None]:
        start_ns = time.monotonic_ns()
        yield
        self.moments.append((start_ns, time.monotonic_ns()))


@contextmanager
def peer(source: Source) -> Iterator[Actor]:
    """The server that an operator is told of when it starts, if its source needs one."""
    serves = {"silent": _silent, "answerer": _answer, "pusher": _pusher(source), "grpc": _grpc}
    serve = serves.get(source.actor)
    actor = Actor()
    if serve is None:
        yield actor
        return
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        actor.peer = f"127.0.0.1:{server.getsockname()[1]}"
        stopped = threading.Event()
        stack.callback(stopped.set)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection = stack.enter_context(server.accept()[0])
                    thread = threading.Thread(
                        target=serve, args=(connection, actor, stopped), daemon=True
                    )
                    thread.start()

        threading.Thread(target=accept, daemon=True).start()
        yield actor
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def provoke(
    source: Source,
    actor: Actor,
    operator: fixtures.Operator,
    cluster: fixtures.Cluster,
    port: int,
    folder: Path,
) -> Iterator[None]:
    """Act on a running operator every period, if its source says so."""
    if source.actor == "scavenger":
        with _scavenger(actor, operator):
            yield
        return
    if source.actor.endswith("toucher"):
        with _toucher(source, actor, operator, cluster):
            yield
        return
    actions: dict[str, Callable[[], object]] = {
        "prober": lambda: fixtures.scrape(operator.health_url),
        "scraper": lambda: fixtures.scrape(operator.metrics_url),
        "admission": lambda: _review(port),
        "hangups": lambda: os.kill(operator.pid, signal.SIGHUP),
        "writer": lambda: (folder / "settings").write_text(f"{time.time()}\n"),
    }
    action = actions.get(source.actor)
    if action is None:
        yield
        return
    stopped = threading.Event()

    def run() -> None:
        while not stopped.wait(source.period_s):
            with actor.act():
                action()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@contextmanager
def _toucher(
    source: Source, actor: Actor, operator: fixtures.Operator, cluster: fixtures.Cluster
) -> Iterator[None]:
    period_s = source.period_s * (1 if source.actor == "toucher" else 2.65)
    log = operator.log.with_suffix(".toucher")
    argv = [f"--kubeconfig={cluster.kubeconfig}", f"--namespace={operator.namespace}"]
    if source.actor == "thing-toucher":
        argv += ["--api-version=demo.example.com/v1", "--kind=Thing"]
    with fixtures.running_program(
        [fixtures.program_path("toucher"), *argv, f"--period={period_s}s"], log
    ):
        yield
    for line in log.read_text().splitlines():
        if line.startswith("@ "):
            at_ns = int(line.split()[1])
            actor.moments.append((at_ns, at_ns + 200_000_000))


@contextmanager
def _scavenger(actor: Actor, operator: fixtures.Operator) -> Iterator[None]:
    """Whoever lets the Go runtime's scavenger go on is seen by bpftrace, in its symbol table."""
    log = operator.log.with_suffix(".scavenger")
    program = Path(f"/proc/{operator.pid}/exe").resolve()
    with bpftrace(SCAVENGER.format(program=program, pid=operator.pid), log):
        yield
    found = re.findall(r"(?m)^@ (\d+)$", log.read_text())
    actor.moments += [(int(at_ns) - JUST_BEFORE_NS, int(at_ns)) for at_ns in found]


def _review(port: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    request = urllib.request.Request(
        f"https://127.0.0.1:{port}/validate",
        json.dumps(REVIEW).encode(),
        {"Content-Type": "application/json"},
    )
    with direct.open(request, timeout=10) as response:
        assert json.load(response)["response"]["allowed"]


def _silent(connection: socket.socket, _: Actor, stopped: threading.Event) -> None:
    stopped.wait()
    connection.close()


def _answer(connection: socket.socket, actor: Actor, stopped: threading.Event) -> None:
    with suppress(OSError):
        while connection.recv(65536) and not stopped.wait(ANSWER_AFTER_S):
            with actor.act():
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")


def _grpc(connection: socket.socket, actor: Actor, _: threading.Event) -> None:
    """As much of HTTP/2 as gRPC needs without a request; what is noted is that we were pinged."""
    with suppress(OSError), connection.makefile("rb") as sent:
        connection.sendall(_frame(HTTP2_SETTINGS, 0, b""))
        sent.read(len(HTTP2_PREFACE))
        while len(head := sent.read(9)) == 9:
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            payload = sent.read(length)
            if flags & HTTP2_ACK:
                continue
            if kind == HTTP2_SETTINGS:
                connection.sendall(_frame(kind, HTTP2_ACK, b""))
            elif kind == HTTP2_PING:
                at_ns = time.monotonic_ns()
                connection.sendall(_frame(kind, HTTP2_ACK, payload))
                actor.moments.append((at_ns - NOTED_LATE_NS, time.monotonic_ns()))


def _frame(kind: int, flags: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags, 0, 0, 0, 0]) + payload


def _pusher(source: Source) -> Callable[[socket.socket, Actor, threading.Event], None]:
    def push(connection: socket.socket, actor: Actor, stopped: threading.Event) -> None:
        with suppress(OSError):
            while not stopped.wait(source.period_s):
                with actor.act():
                    connection.sendall(b"something happened\n")

    return push
