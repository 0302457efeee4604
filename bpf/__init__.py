"""The kernel side: C for bcc, with the few headers that it needs, so that none are installed."""

from importlib.resources import files
from pathlib import Path

# The order in which the parts make one translation unit.
_COMMON = ("events.h", "maps.h", "objects.h")
_KERNEL = ("sched.c", "syscalls.c")


def headers() -> Path:
    """The folder that bcc takes for kernel sources: it has ``include/``."""
    return Path(str(files(__package__)))


def source(parts: tuple[str, ...] = ()) -> str:
    """The C source: the common part, the kernel's own events, and the asked ``parts``."""
    names = (*_COMMON, *_KERNEL, *parts)
    texts = [f'#line 1 "{name}"\n{(headers() / name).read_text()}' for name in names]
    return "#include <linux/ptrace.h>\n" + "\n".join(texts)
