"""The child process that has bcc: compiles, hands the instructions over and exits.

bcc and LLVM need 100 MB, print, and may exit: none of that in the recorder. Protocol: the recorder
writes one JSON request on the socket that is this process' standard input; the answer is a size,
then JSON with an error, or what ``compiled.py`` reads.
"""

import json
import os
import socket
import sys
from typing import Any

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer.compiled import Compiled
from whowoke.tracer.kernel import map_shape

SYSTEM_PACKAGES = "/usr/lib/python3/dist-packages"


def import_bcc() -> Any:
    """The module bcc, of the system's packages where ours don't have it. WhowokeError if none."""
    try:
        import bcc
    except ImportError:
        # A plain virtual environment doesn't see the system's packages.
        sys.path.append(SYSTEM_PACKAGES)
        try:
            import bcc
        except ImportError as err:
            raise WhowokeError(
                f"bcc cannot be imported: {err}", "install it: apt-get install python3-bpfcc"
            ) from None
    if not hasattr(bcc, "BPF"):
        raise WhowokeError(
            "the package bcc is not the BPF Compiler Collection",
            "install it: apt-get install python3-bpfcc",
        )
    return bcc


def compiled(request: dict[str, Any]) -> bytes:
    """Compile what the request asks for; nothing is loaded but the maps, and these go with us."""
    os.environ["BCC_KERNEL_SOURCE"] = request["headers"]
    bcc = import_bcc()
    try:
        module = bcc.BPF(text=request["source"], cflags=request["cflags"])
        maps = {}
        for name in request["maps"]:
            descriptor = bcc.lib.bpf_table_fd(module.module, name.encode())
            maps[descriptor] = map_shape(descriptor, name)
        programs = {name: module.dump_func(name.encode()) for name in request["programs"]}
        return Compiled.of(maps, programs).encoded()
    except Exception as err:
        raise WhowokeError(
            f"the kernel programs cannot be compiled: {err}", "see: whowoke doctor"
        ) from err


def main() -> None:
    """Serve one request on standard input."""
    channel = socket.socket(fileno=os.dup(0))
    size = int.from_bytes(channel.recv(8, socket.MSG_WAITALL), "little")
    request = json.loads(channel.recv(size, socket.MSG_WAITALL))
    try:
        answer = compiled(request)
    except WhowokeError as err:
        error = {"error": str(err), "hint": err.hint, "exit": err.exit_code}
        answer = json.dumps(error).encode()
    channel.sendall(len(answer).to_bytes(8, "little") + answer)
    # bcc's own clean-up at exit only costs time.
    os._exit(0)


if __name__ == "__main__":
    main()
