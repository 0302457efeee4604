"""The child process that has bcc: compiles, loads, hands descriptors over and exits.

bcc and LLVM need 100 MB, print, and may exit: none of that in the recorder. Protocol: the recorder
writes one JSON request on the socket that is this process' standard input; the answer is JSON with
the descriptors of maps and programs attached in the order asked for. Errors are an answer too.
"""

import json
import os
import socket
import sys
from typing import Any

from whowoke.analysis.errors import WhowokeError

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


def load(request: dict[str, Any]) -> tuple[list[int], object]:
    """Compile and load; descriptors, and what keeps them open."""
    os.environ["BCC_KERNEL_SOURCE"] = request["headers"]
    bcc = import_bcc()
    try:
        module = bcc.BPF(text=request["source"], cflags=request["cflags"])
        descriptors = [module[name].map_fd for name in request["maps"]]
        for program in request["programs"]:
            kind = getattr(bcc.BPF, program["type"])
            attach_type = program.get("attach_type", -1)
            loaded = module.load_func(program["name"], kind, attach_type=attach_type)
            descriptors.append(loaded.fd)
    except Exception as err:
        raise WhowokeError(
            f"the kernel programs cannot be loaded: {err}", "see: whowoke doctor"
        ) from err
    return descriptors, module


def main() -> None:
    """Serve one request on standard input."""
    channel = socket.socket(fileno=os.dup(0))
    size = int.from_bytes(channel.recv(8, socket.MSG_WAITALL), "little")
    request = json.loads(channel.recv(size, socket.MSG_WAITALL))
    keep: object = None
    answer: dict[str, Any] = {}
    try:
        descriptors, keep = load(request)
    except WhowokeError as err:
        answer = {"error": str(err), "hint": err.hint, "exit": err.exit_code}
        descriptors = []
    socket.send_fds(channel, [json.dumps(answer).encode()], descriptors)
    # bcc's own clean-up at exit only costs time.
    os._exit(0 if keep else 1)


if __name__ == "__main__":
    main()
