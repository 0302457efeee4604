"""What a machine is made of, and what whowoke says of it: python -m tests.vm.about FOLDER

Leaves about.json, on the host and in a guest alike: system, kernel, packages, Python's packages and
`whowoke doctor`.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("python3-bpfcc", "libbpfcc", "bpftrace", "python3", "libc6")
NAME = "about.json"


def main() -> None:
    """Write what this machine is."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(json.dumps(describe(), indent=2) + "\n")


def describe() -> dict[str, Any]:
    """The content of about.json."""
    doctor = [sys.executable, "-m", "whowoke.tracer", "doctor", "--json"]
    return {
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "kernel": platform.release(),
        "packages": dict(_installed(f"linux-image-{platform.release()}", *PACKAGES)),
        "python": _run(sys.executable, "-m", "pip", "freeze", "--local", "--exclude-editable"),
        "doctor": json.loads("\n".join(_run(*doctor))),
    }


def _installed(*names: str) -> list[list[str]]:
    """Names and versions of those Debian packages that are installed."""
    query = ["dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *names]
    return [pair for line in _run(*query) if len(pair := line.split()) == 2]


def _run(*argv: str) -> list[str]:
    """Lines of a program's output; its exit code isn't asked, for what fails is told in them."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.splitlines()


if __name__ == "__main__":
    main()
