"""What a process says of itself: its environment, and files of the downward API in its root.

Its own words, and its own files: a container may have put a link to anything there. So they are
opened as if its root were ours (RESOLVE_IN_ROOT, openat2(2)), only plain files, and only so much.
"""

import ctypes
import os
import re
import stat
import struct
from pathlib import Path

from whowoke.tracer.finding.host import Host
from whowoke.tracer.finding.names import checked

MAX_FILE = 64 << 10
NAMESPACE_FILE = "var/run/secrets/kubernetes.io/serviceaccount/namespace"
LABELS_FILES = ("etc/podinfo/labels",)
POD_VARIABLES = ("POD_NAME", "MY_POD_NAME", "OPERATOR_POD_NAME")
NAMESPACE_VARIABLES = ("POD_NAMESPACE", "MY_POD_NAMESPACE", "OPERATOR_NAMESPACE")

_SYS_OPENAT2 = 437  # every architecture
_RESOLVE_IN_ROOT = 0x10  # include/uapi/linux/openat2.h
_LIBC = ctypes.CDLL(None, use_errno=True)
_LABEL = re.compile(r'([A-Za-z0-9./_-]{1,317})="([A-Za-z0-9._-]{0,63})"')


def own_names(host: Host, pid: int) -> dict[str, str]:
    """Namespace and pod in its own words; empty for one that isn't told to be in a cluster."""
    variables = environment(host, pid)
    if "KUBERNETES_SERVICE_HOST" not in variables:
        return {}
    namespace = file_in_root(host, pid, NAMESPACE_FILE).strip()
    told = [namespace, *(variables.get(name, "") for name in NAMESPACE_VARIABLES)]
    pods = [variables.get(name, "") for name in POD_VARIABLES]
    # With the machine's own network the host's name is the machine's.
    if host.link(pid, "ns/uts") != host.link(1, "ns/uts"):
        pods.append(variables.get("HOSTNAME", ""))
    found = {"namespace": _first("namespace", told), "pod": _first("pod", pods)}
    return {name: text for name, text in found.items() if text}


def own_labels(host: Host, pid: int) -> dict[str, str]:
    """Labels of its pod where it has them mounted, as the documentation does it."""
    texts = [file_in_root(host, pid, name) for name in LABELS_FILES]
    return {key: value for text in texts for key, value in _LABEL.findall(text)}


def environment(host: Host, pid: int) -> dict[str, str]:
    """The environment that it was started with; of a name that comes twice the first."""
    pairs = (line.partition("=") for line in host.read(pid, "environ").split("\0"))
    found: dict[str, str] = {}
    for name, equals, value in pairs:
        if equals:
            found.setdefault(name, value)
    return found


def file_in_root(host: Host, pid: int, name: str) -> str:
    """The start of a file of the process, by its path there; empty if it isn't a plain one."""
    try:
        root = os.open(host.proc / str(pid) / "root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return _read_below(root, name)
    except OSError:
        return ""
    finally:
        os.close(root)


def _read_below(root: int, name: str) -> str:
    """Looked at before it is opened: opening may do something, a device's say."""
    how = struct.pack("<QQQ", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT)
    place = _LIBC.syscall(_SYS_OPENAT2, root, name.encode(), how, len(how))
    if place < 0:
        raise OSError(ctypes.get_errno(), "openat2")
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            return ""
        with Path(f"/proc/self/fd/{place}").open("rb") as file:
            return file.read(MAX_FILE).decode("utf-8", "replace")
    finally:
        os.close(place)


def _first(kind: str, values: list[str]) -> str:
    return next((value for value in values if checked(kind, value)), "")
