"""The Vagrantfile's machine of a guest; inside of the namespaces."""

import json
import os
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fixtures import ROOT
from tests.vm import boxes, namespaces

# Whatever is run in a guest takes a few minutes.
LONGEST_S = 30 * 60


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
        """Add the box in the place of the public one, start the machine, provision it."""
        provider = {"name": "libvirt", "url": self.guest.path.as_uri()}
        version = {"version": self.guest.version, "providers": [provider]}
        catalogue = namespaces.SCRATCH / "box.json"
        catalogue.write_text(json.dumps({"name": self.guest.box, "versions": [version]}))
        self.vagrant("box", "add", str(catalogue))
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

    def typed(self, script: str) -> list[str]:
        """How somebody types a script into `vagrant ssh`, in the tree."""
        lines = shlex.quote(f"cd /vagrant\n{script}")
        return ["ssh", "-F", str(self.ssh_config), self.guest.machine, f"bash -ec {lines}"]

    def run(self, command: str) -> int:
        """Run a command with our output; returns its exit code."""
        try:
            return subprocess.run(self.ssh(command), timeout=LONGEST_S).returncode
        except subprocess.TimeoutExpired:
            minutes = LONGEST_S // 60
            raise SystemExit(
                f"the guest stands still: no end of {command!r} in {minutes} min"
            ) from None

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
