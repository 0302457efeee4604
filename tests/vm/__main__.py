"""``make vm-test``: the tests and the demo's recording in a guest, and the same verdict as here.

Results stay in build/vm/results/GUEST; of the guest itself nothing stays.
"""

import argparse
import os
import subprocess
import sys

from tests.fixtures import ROOT
from tests.vm import boxes, guest, namespaces, scene


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    known = boxes.guests()
    parser = argparse.ArgumentParser(prog="python -m tests.vm", description=__doc__)
    parser.add_argument("guest", choices=known)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--only", choices=(*guest.STEPS, *guest.MORE_STEPS), nargs="+", default=guest.STEPS
    )
    asked = parser.parse_args()
    chosen = known[asked.guest]
    if asked.inside:
        namespaces.prepare()
        return guest.run(chosen, asked.only)
    boxes.build(chosen)
    if "demo" in asked.only:
        for module in ("tests.vm.about", "tests.vm.scene"):
            host = [sys.executable, "-m", module, str(boxes.FOLDER / "results" / "host")]
            subprocess.run([*namespaces.DIE_WITH_US, *host], cwd=ROOT, check=True)
    argv = [sys.executable, "-m", "tests.vm", chosen.name, "--inside", "--only", *asked.only]
    code = namespaces.enter(argv)
    results = boxes.FOLDER / "results" / chosen.name
    if not scene.is_recorded(results):
        return code
    environment = os.environ | {"WHOWOKE_GUEST": chosen.name}
    compare = [sys.executable, "-m", "pytest", "tests/vm/same_verdict.py"]
    compare += [f"--junit-xml={results / 'same.xml'}"]
    same = subprocess.run(compare, cwd=ROOT, env=environment).returncode
    return code or same


if __name__ == "__main__":
    sys.exit(main())
