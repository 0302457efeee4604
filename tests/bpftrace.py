"""bpftrace as somebody else's eyes: what it sees is compared with what whowoke says."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import fixtures

ATTACH_S = 30
# The kernel takes 0.1 s and more for each of its uprobes.
DETACH_S = 120
ASKED_EVERY_S = 15


@contextmanager
def bpftrace(script: str, output: Path, *options: str) -> Iterator[None]:
    """Run a script, attached within the context, in a mount namespace where tracefs is mounted."""
    mounted = "[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing"
    debugfs = "[ -d /sys/kernel/debug/tracing ] || mount -t debugfs debugfs /sys/kernel/debug"
    command = f'{mounted}; {debugfs}; exec bpftrace -B none "$@"'
    argv = ["unshare", "--mount", "sh", "-c", command, "sh", *options, "-e", script]
    with output.open("w") as file:
        popen = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT)
    try:
        attached = lambda: "Attaching" in output.read_text()  # noqa: E731
        fixtures.wait_until(attached, ATTACH_S, "bpftrace", popen, output)
        yield
    finally:
        _end(popen)


def _end(popen: "subprocess.Popen[bytes]") -> None:
    """Interrupt it until it ends: it forgets a signal that comes before it has attached."""
    for _ in range(DETACH_S // ASKED_EVERY_S):
        popen.send_signal(signal.SIGINT)
        try:
            popen.wait(ASKED_EVERY_S)
        except subprocess.TimeoutExpired:
            continue
        return
    popen.kill()
    popen.wait()
