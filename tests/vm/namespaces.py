"""A libvirt in net, mount and pid namespaces of its own: all of it ends with one process.

Outside, `enter` starts the namespaces and gives them a user-mode uplink. Inside, `prepare` puts a
tmpfs where libvirt keeps its state and starts its daemons. When the process that called `enter`
ends, however it does, the kernel ends everything inside, and with it go interfaces, disks and
definitions.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

SCRATCH = Path("/var/lib/libvirt")
LIBVIRT = ("/etc/libvirt", "/run/libvirt", "/var/log/libvirt", "/var/cache/libvirt")
TAP = "tap0"
NAME_SERVER = "10.0.2.3"  # slirp4netns answers there
CONFIG = {
    "libvirtd.conf": 'auth_unix_ro = "none"\nauth_unix_rw = "none"\nunix_sock_group = "root"\n',
    "qemu.conf": 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nnamespaces = []\n'
    "cgroup_controllers = []\nremember_owner = 0\n",
}
# Emulates all processors of a guest in one thread. With one for each, QEMU before 8.1 may go on
# with code that the guest's kernel has replaced meanwhile, a static branch for one: it reads the
# code, and only then begins to watch that page for writes. The guest stood still for ever.
EMULATOR = """\
#!/bin/bash
for argument; do
  [ "$argument" = tcg ] && argument=tcg,thread=single
  arguments+=("$argument")
done
exec qemu-system-x86_64 "${arguments[@]}"
"""
# The first process of a pid namespace is the parent of every orphan. libvirt waits a minute for a
# machine that has ended and that nobody has reaped.
REAPER = ("sh", "-c", '"$@"; exit $?', "sh")
DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")

T = TypeVar("T")


def enter(argv: Sequence[str]) -> int:
    """Run a command in new namespaces; returns its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    own = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    inner = subprocess.Popen([*DIE_WITH_US, *own, *REAPER, *argv])
    uplink = None
    try:
        child = _first_child(inner)
        slirp = ["slirp4netns", "--configure", "--mtu=1500", "--disable-host-loopback"]
        uplink = subprocess.Popen(
            [*DIE_WITH_US, *slirp, str(child), TAP],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return inner.wait()
    finally:
        for process in (inner, uplink):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def prepare() -> None:
    """Inside: wait for the uplink, make libvirt's folders private, start its daemons."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # libvirt reads /sys/class/net, which shows the namespace that it was mounted in.
    _mount("-t", "sysfs", "sysfs", "/sys")
    _mount("-t", "tmpfs", "-o", "size=75%", "tmpfs", str(SCRATCH))
    for place in LIBVIRT:
        own = SCRATCH / place.strip("/").replace("/", "-")
        own.mkdir()
        Path(place).mkdir(parents=True, exist_ok=True)
        _mount("--bind", str(own), place)
    for folder in (SCRATCH / "images", Path("/etc/libvirt/qemu/networks")):
        folder.mkdir(parents=True)
    for name, text in CONFIG.items():
        Path("/etc/libvirt", name).write_text(text)
    emulator = SCRATCH / "emulator"
    emulator.write_text(EMULATOR)
    emulator.chmod(0o755)
    names = SCRATCH / "resolv.conf"
    names.write_text(f"nameserver {NAME_SERVER}\n")
    _mount("--bind", str(names), str(Path("/etc/resolv.conf").resolve()))
    _wait(lambda: Path("/sys/class/net", TAP).exists(), "the uplink")
    for daemon in ("virtlogd", "libvirtd"):
        subprocess.run([daemon, "-d", "-p", str(SCRATCH / f"{daemon}.pid")], check=True)
    _wait(Path("/run/libvirt/libvirt-sock").exists, "libvirtd")


def _first_child(process: subprocess.Popen[bytes]) -> int:
    """The pid of the process inside, once it is in its own namespace."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    ours = os.readlink("/proc/self/ns/net")

    def inside() -> int | None:
        if process.poll() is not None:
            raise RuntimeError(f"no namespaces: {process.args!r} ended with {process.returncode}")
        pids = children.read_text().split()
        return int(pids[0]) if pids and os.readlink(f"/proc/{pids[0]}/ns/net") != ours else None

    return _wait(inside, "the namespaces")


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _wait(condition: Callable[[], T | None], what: str, seconds: float = 30) -> T:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not there after {seconds} s")
        time.sleep(0.05)
    return value
