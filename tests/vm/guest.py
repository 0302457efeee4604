"""What happens in a guest, from `vagrant up` to `vagrant destroy`; inside of the namespaces."""

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fixtures import PROGRAMS, ROOT
from tests.vm import boxes, namespaces, scene

STEPS = ("doctor", "tests", "demo")
MORE_STEPS = ("provision", "shell")
FILES = ("cluster", "timers", "timers-unstripped", *scene.OPERATORS)
# What proves most within the minutes that an emulated guest has: every kind of timer counted
# exactly, threads as bpftrace counts them, recorders and targets that end or are killed. Operators
# on an API server come with the recording.
TESTS = (
    "tests/system/test_timers.py",
    "tests/system/test_threads.py",
    "tests/system/test_endings.py",
)
PACKAGES = ("python3-bpfcc", "libbpfcc", "bpftrace", "python3", "libc6")
WHOWOKE = "build/venv/bin/python -m whowoke.tracer.cli"


class Machine:
    """The Vagrantfile's machine of a guest. ssh and rsync go without vagrant, which is slow."""

    def __init__(self, guest: boxes.Guest, results: Path) -> None:
        self.guest, self.results = guest, results
        self.environment = os.environ | {
            "VAGRANT_HOME": str(namespaces.SCRATCH / "vagrant"),
            "VAGRANT_DOTFILE_PATH": str(namespaces.SCRATCH / "dot-vagrant"),
            "VAGRANT_DEFAULT_PROVIDER": "libvirt",
            "VAGRANT_CHECKPOINT_DISABLE": "1",
            "TMPDIR": str(namespaces.SCRATCH),
        }
        self.ssh_config = namespaces.SCRATCH / "ssh_config"

    def up(self) -> None:
        """Add the box, start the machine, provision it."""
        box = ["box", "add", "--name", self.guest.box, str(self.guest.path)]
        self.vagrant(*box)
        self.vagrant("up", self.guest.machine)
        self.ssh_config.write_text(self.vagrant("ssh-config", self.guest.machine))

    def vagrant(self, *arguments: str) -> str:
        """Run vagrant; its output goes to the results, without the progress bars."""
        start = time.monotonic()
        done = subprocess.run(
            ["vagrant", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        text = "\n".join(
            line for line in done.stdout.replace("\r", "\n").splitlines() if "Progress:" not in line
        )
        with (self.results / "vagrant.log").open("a") as log:
            log.write(f"$ vagrant {shlex.join(arguments)}\n{text}\n")
        print(f"{time.monotonic() - start:4.0f} s  vagrant {arguments[0]}", flush=True)
        if done.returncode:
            raise SystemExit(f"vagrant {shlex.join(arguments)}: {done.returncode}\n{text[-3000:]}")
        return text

    def ssh(self, command: str) -> list[str]:
        """How a shell command is run as root in the tree."""
        script = shlex.quote(f"cd /vagrant && {command}")
        return ["ssh", "-F", str(self.ssh_config), self.guest.machine, f"sudo sh -c {script}"]

    def run(self, command: str) -> int:
        """Run a command with our output; returns its exit code."""
        return subprocess.run(self.ssh(command)).returncode

    def read(self, command: str) -> str:
        """The standard output of a command, which must succeed."""
        argv = self.ssh(command)
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout

    def send(self, files: Sequence[Path], folder: str) -> None:
        """Copy files of the tree to a folder of the guest's tree."""
        self.read(f"mkdir -p {folder}")
        self._rsync([*map(str, files), f"{self.guest.machine}:/vagrant/{folder}/"])

    def fetch(self, folder: str, to: Path) -> None:
        """Copy what is in a folder of the guest's tree."""
        to.mkdir(parents=True, exist_ok=True)
        self._rsync([f"{self.guest.machine}:/vagrant/{folder}/", f"{to}/"])

    def _rsync(self, arguments: list[str]) -> None:
        argv = ["rsync", "--archive", "--rsync-path=sudo rsync", "-e", f"ssh -F {self.ssh_config}"]
        subprocess.run([*argv, *arguments], check=True)


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
    packages = machine.read(
        f"dpkg-query -W -f '${{Package}} ${{Version}}\\n' {' '.join(PACKAGES)}"
        " linux-image-$(uname -r)"
    )
    doctor = json.loads(machine.read(f"{WHOWOKE} doctor --json || true"))
    about = {
        "guest": machine.guest.name,
        "kernel": machine.read("uname -r").strip(),
        "system": machine.read(". /etc/os-release; echo $PRETTY_NAME").strip(),
        "packages": dict(line.split() for line in packages.splitlines()),
        "python": machine.read("build/venv/bin/pip freeze --local 2>/dev/null").splitlines(),
        "doctor": doctor,
    }
    (machine.results / "guest.json").write_text(json.dumps(about, indent=2) + "\n")
    return machine.run(f"{WHOWOKE} doctor")


def test(machine: Machine) -> int:
    """The system tests of TESTS."""
    send_programs(machine)
    argv = ["build/venv/bin/python", "-m", "pytest", "-p", "no:cacheprovider", "--durations=5"]
    argv += ["--junit-xml=build/vm/tests.xml", *TESTS]
    code = machine.run(f"WHOWOKE_NEED_ROOT=1 {shlex.join(argv)}")
    machine.fetch("build/vm", machine.results)
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


def shell(machine: Machine) -> int:
    """Root's shell in the guest, for whoever looks for the cause of a failure."""
    send_programs(machine)
    argv = ["ssh", "-t", "-F", str(machine.ssh_config), machine.guest.machine]
    subprocess.run([*argv, "cd /vagrant && exec sudo bash"])
    return 0


def send_programs(machine: Machine) -> None:
    """The Go programs, built on this side."""
    machine.send([PROGRAMS / name for name in FILES], "build/bin")


STEP = {"doctor": describe, "tests": test, "demo": demo, "provision": provision, "shell": shell}
