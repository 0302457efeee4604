"""Peers of a process's sockets, as text: ``10.0.0.1:443``, ``[::1]:443``, ``unix:/run/x.sock``."""

import socket
import struct
from typing import Any

from whowoke.tracer.target import Target

_IN6_SIZE = 28


def socket_address(data: bytes) -> str:
    """Text of a struct sockaddr (include/uapi/linux/in.h, in6.h, un.h); empty if it isn't known."""
    data = data.ljust(_IN6_SIZE, b"\0")
    (family,) = struct.unpack_from("<H", data)
    if family == socket.AF_INET:
        return f"{socket.inet_ntoa(data[4:8])}:{int.from_bytes(data[2:4])}"
    if family == socket.AF_INET6:
        host = socket.inet_ntop(socket.AF_INET6, data[8:24])
        return f"[{host}]:{int.from_bytes(data[2:4])}"
    if family == socket.AF_UNIX:
        path = data[2:].split(b"\0")[1 if data[2] == 0 else 0]
        return f"unix:{path.decode('utf-8', 'replace')}"
    return ""


def open_sockets(target: Target) -> list[dict[str, Any]]:
    """The sockets that the process has now: ``fd``, ``local``, ``peer`` (empty while listening)."""
    # 1 MB, which a recorder leaves to a child.
    import psutil

    try:
        found = psutil.Process(target.pid).net_connections(kind="all")
    except psutil.Error:
        return []
    return [
        {"fd": row.fd, "local": _text(row.laddr), "peer": _text(row.raddr)}
        for row in found
        if row.fd >= 0
    ]


def _text(address: Any) -> str:
    if not address:
        return ""
    if isinstance(address, str):
        return f"unix:{address}"
    host = f"[{address.ip}]" if ":" in address.ip else address.ip
    return f"{host}:{address.port}"
