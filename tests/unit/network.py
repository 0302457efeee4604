"""The part of a synthetic capture that comes from outside: watches, requests, calls, signals."""

from collections.abc import Callable
from typing import Any

from whowoke.analysis.waking.chains import LINKS

MS = 1_000_000


class Network:
    """Methods of ``Synthetic``."""

    metadata: dict[str, Any]
    record: Callable[..., int]
    text: Callable[[str], int]
    key: Callable[[str], dict[str, int]]

    def watch_event(self, goid: int, kind: str, type_name: str = "*v1.Pod", name: str = "") -> int:
        """What the decoder of a watch stream returns; nothing at its end."""
        return self.record(
            "watch_event",
            goid=goid,
            event_type=self.text(kind) if kind else 0,
            object_type=self.text(type_name) if kind else 0,
            **(self.key(name) if name else {}),
        )

    def serve(self, goid: int, path: str, handler: str = "") -> int:
        """A request from outside is served, by a known handler or by another one."""
        ts = self.record(
            "http_serve", goid=goid, http_method=self.text("GET"), path=self.text(path)
        )
        if handler:
            site = {"probe": "http_handler", "function": handler, "file": "handler.go", "line": 7}
            sites = self.metadata.setdefault("sites", [{"probe": name} for name in LINKS])
            if site not in sites:
                sites.append(site)
            self.record("http_handler", goid=goid, site=sites.index(site))
        return ts

    def call(self, goid: int, number: int, first: int, ms: float = 0, result: int = 1) -> int:
        """A system call that ends after so long."""
        return self.record(
            "syscall",
            goid=goid,
            number=number,
            first=first,
            duration_ns=int(ms * MS),
            result=result,
        )

    def peer(self, fd: int, address: str, number: int = 42) -> int:
        """A descriptor gets a peer, by connect or accept4."""
        return self.record("socket_address", fd=fd, number=number, address=self.text(address))

    def signal(self, number: int, sender_pid: int = 7, tid: int = 3) -> int:
        return self.record("signal", number=number, sender_pid=sender_pid, tid=tid)
