"""The kernel side: C for bcc, with the few headers that it needs, so that none are installed."""

import re
from importlib.resources import files
from pathlib import Path

# The order in which the parts make one translation unit.
_COMMON = ("events.h", "maps.h")
_KERNEL = ("sched.c", "syscalls.c")
# What these share needs offsets that aren't known of every program.
_OPERATOR = ("operator.c", "stores.c", "requests.c")

_MAP = re.compile(r'^BPF_(?:(?:F_)?TABLE\("\w+", [^,]+, [^,]+, (\w+)|\w+\((\w+)),', re.MULTILINE)


def headers() -> Path:
    """The folder that bcc takes for kernel sources: it has ``include/``."""
    return Path(str(files(__package__)))


def source(parts: tuple[str, ...] = ()) -> str:
    """The C source: the common part, the kernel's own events, and the asked ``parts``."""
    shared = ("objects.h",) if set(_OPERATOR).intersection(parts) else ()
    names = (*_COMMON, *_KERNEL, *shared, *parts)
    texts = [f'#line 1 "{name}"\n{(headers() / name).read_text()}' for name in names]
    return "#include <linux/ptrace.h>\n" + "\n".join(texts)


def map_names(source: str) -> list[str]:
    """The maps that a source declares, in order."""
    return [first or second for first, second in _MAP.findall(source)]
