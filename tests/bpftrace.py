"""bpftrace as somebody else's eyes: what it sees is compared with what whowoke says."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import fixtures

ATTACH_S = 30


@contextmanager
def bpftrace(script: str, output: Path) -> Iterator[None]:
    """Run a script, attached within the context, in a mount namespace where tracefs is mounted."""
    mounted = "[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing"
    debugfs = "[ -d /sys/kernel/debug/tracing ] || mount -t debugfs debugfs /sys/kernel/debug"
    command = f'{mounted}; {debugfs}; exec bpftrace -B none -e "$1"'
    argv = ["unshare", "--mount", "sh", "-c", command, "sh", script]
    with output.open("w") as file:
        popen = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT)
    try:
        attached = lambda: "Attaching" in output.read_text()  # noqa: E731
        fixtures.wait_until(attached, ATTACH_S, "bpftrace", popen, output)
        yield
    finally:
        popen.send_signal(signal.SIGINT)
        popen.wait(ATTACH_S)
