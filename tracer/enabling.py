"""The right to have the kernel measure BPF programs, kept by a child that can do nothing else.

BPF_ENABLE_STATS needs CAP_SYS_ADMIN (bpf_enable_stats, kernel/bpf/syscall.c), with which a recorder
could do nearly all; statistics are on only now and then. So a child asks for them: each byte that
it gets is answered with a descriptor, which keeps them on until it is closed, or with none.
"""

import contextlib
import os
import signal
import socket

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer import kernel
from whowoke.tracer.privileges import SYS_ADMIN, effective, give_up_all_but, lacking


class Enabling:
    """The child, begun while we have the right; ``close`` or the end of ``with`` ends it."""

    def __init__(self) -> None:
        self._pid = 0
        if lacking((SYS_ADMIN,), effective()):
            return
        self._channel, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            self._channel.close()
            _serve(theirs)
        theirs.close()

    def __enter__(self) -> "Enabling":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def descriptor(self) -> int:
        """Turn statistics on until this is closed; WhowokeError where that isn't permitted."""
        descriptors: list[int] = []
        if self._pid:
            try:
                self._channel.sendall(b"?")
                _, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
            except OSError as err:
                raise WhowokeError(f"no statistics of BPF programs: {err.strerror}") from None
        if not descriptors:
            raise WhowokeError("no statistics of BPF programs: not permitted")
        os.set_inheritable(descriptors[0], False)
        return descriptors[0]

    def close(self) -> None:
        """End the child."""
        if self._pid:
            # Not close alone: other children may have the socket, too, and wait for us.
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)
            self._channel.close()
            os.waitpid(self._pid, 0)
            self._pid = 0


def _serve(channel: socket.socket) -> None:
    """Answer until the recorder has ended, however that was."""
    try:
        # A terminal's Ctrl-C goes to us as well, and the recorder has its last sample to end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        give_up_all_but(SYS_ADMIN)
        while channel.recv(1):
            try:
                descriptor = kernel.enable_statistics()
            except WhowokeError:
                channel.sendall(b"-")
                continue
            socket.send_fds(channel, [b"+"], [descriptor])
            os.close(descriptor)
    finally:
        os._exit(0)
