"""What happens in a guest, from `vagrant up` to `vagrant destroy`; inside of the namespaces."""

import shlex
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.fixtures import PROGRAMS
from tests.vm import boxes, scene
from tests.vm.machine import Machine
from tests.vm.walkthrough import walk

STEPS = ("doctor", "tests", "demo")
MORE_STEPS = ("network", "provision", "walkthrough", "shell")
FILES = ("cluster", "timers", "timers-unstripped", *scene.OPERATORS)
# What proves most within the minutes that an emulated guest has: every kind of timer counted
# exactly, threads as bpftrace counts them, recorders and targets that end or are killed. Operators
# on an API server come with the recording.
TESTS = (
    "tests/system/test_timers.py",
    "tests/system/test_threads.py",
    "tests/system/test_endings.py",
)
WHOWOKE = "build/venv/bin/python -m whowoke.tracer"


def run(guest: boxes.Guest, steps: Sequence[str]) -> int:
    """Do the steps in a new guest; returns the first exit code that isn't 0."""
    results = boxes.FOLDER / "results" / guest.name
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    machine = Machine(guest, results)
    machine.up()
    codes = [STEP[step](machine) for step in steps]
    machine.vagrant("destroy", "--force", guest.machine)
    return next((code for code in codes if code), 0)


def describe(machine: Machine) -> int:
    """What the guest is made of, and what whowoke says of it."""
    code = machine.run("build/venv/bin/python -m tests.vm.about build/vm/about")
    machine.fetch("build/vm/about", machine.results)
    return code or machine.run(f"{WHOWOKE} doctor")


def test(machine: Machine) -> int:
    """The system tests of TESTS."""
    send_programs(machine)
    argv = ["build/venv/bin/python", "-m", "pytest", "-p", "no:cacheprovider", "--durations=5"]
    argv += ["--junit-xml=build/vm/tests/tests.xml", *TESTS]
    code = machine.run(f"WHOWOKE_NEED_ROOT=1 {shlex.join(argv)}")
    machine.fetch("build/vm/tests", machine.results)
    return code


def demo(machine: Machine) -> int:
    """The demo operators' recording."""
    send_programs(machine)
    code = machine.run("build/venv/bin/python -m tests.vm.scene build/vm/scene")
    machine.fetch("build/vm/scene", machine.results)
    return code


def provision(machine: Machine) -> int:
    """Provision a second time: nothing is left to install."""
    text = machine.vagrant("provision", machine.guest.machine)
    return int("installing" in text)


def network(machine: Machine) -> int:
    """What a user does after `vagrant up`: everything is installed over the network."""
    send_programs(machine)
    certificates = Path(ssl.get_default_verify_paths().cafile or "")
    machine.send([certificates], "build/vm")
    own = f"PIP_CERT=/vagrant/build/vm/{certificates.name}"
    return machine.run(f"{own} make venv go && make demo SECONDS=40")


def walkthrough(machine: Machine) -> int:
    """The commands of docs/vagrant.md."""
    send_programs(machine)
    return walk(machine)


def shell(machine: Machine) -> int:
    """Root's shell in the guest, for whoever looks for the cause of a failure."""
    send_programs(machine)
    argv = ["ssh", "-t", "-F", str(machine.ssh_config), machine.guest.machine]
    subprocess.run([*argv, "cd /vagrant && exec sudo bash"])
    return 0


def send_programs(machine: Machine) -> None:
    """The Go programs, built on this side."""
    machine.send([PROGRAMS / name for name in FILES], "build/bin")


STEP = {
    "doctor": describe,
    "tests": test,
    "demo": demo,
    "network": network,
    "provision": provision,
    "walkthrough": walkthrough,
    "shell": shell,
}
