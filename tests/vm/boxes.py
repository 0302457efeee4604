"""The boxes of tests/vm/guests.toml, built from Debian packages and kept in build/vm/boxes."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures import ROOT
from tests.vm import namespaces

HERE = Path(__file__).resolve().parent
FOLDER = ROOT / "build" / "vm"
VAGRANTFILE = ROOT / "Vagrantfile"
BUILDER = HERE / "build-box"
# Of the extra `dev`, what the tests import; the linters stay outside.
TEST_TOOLS = ("pytest", "hypothesis", "pyelftools", "setuptools")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


@dataclass(frozen=True)
class Guest:
    """One table of guests.toml; machine is the Vagrantfile's, which asks for box and version."""

    name: str
    machine: str
    box: str
    version: str
    suite: str
    kernel: str
    python: str
    packages: tuple[str, ...]
    lean: bool

    @property
    def path(self) -> Path:
        """Where the built box is; another recipe gives another name."""
        recipe = [self.suite, *self.packages, self.python, BUILDER.read_text()]
        if not self.lean:
            recipe += requirements()
        digest = hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:12]
        return FOLDER / "boxes" / f"{self.name}-{digest}.box"


def guests() -> dict[str, Guest]:
    """All guests by name."""
    data = tomllib.loads((HERE / "guests.toml").read_text())
    base, provisioned = data.pop("base"), data.pop("provisioned")
    found = {}
    for name, table in data.items():
        lean = table.pop("lean", False)
        packages = (*base, table["kernel"], *(() if lean else provisioned))
        box, version = asked_box(table["machine"])
        guest = Guest(name, box=box, version=version, packages=packages, lean=lean, **table)
        found[name] = guest
    return found


def asked_box(machine: str) -> tuple[str, str]:
    """Name and version of the box that the Vagrantfile asks for, for libvirt."""
    _, _, block = VAGRANTFILE.read_text().partition(f'config.vm.define "{machine}"')
    found = re.search(r'machine\.vm\.box = "(.+)"\s+machine\.vm\.box_version = "(.+)"', block)
    assert found, f"{VAGRANTFILE}: no box for {machine}"
    return found[1], found[2]


def requirements() -> list[str]:
    """What pyproject.toml asks for, of the extra `dev` only what the tests import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = project["optional-dependencies"]["dev"]
    return [*project["dependencies"], *(one for one in tools if one.startswith(TEST_TOOLS))]


def build(guest: Guest) -> Path:
    """The guest's box, built if there is none."""
    path = guest.path
    if path.exists():
        print(f"{path.name}: cached", flush=True)
        return path
    print(f"building {path.name}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f"{guest.name}-{'?' * 12}.box*"):
        old.unlink()
    wheels = "-" if guest.lean else str(download_wheels(guest))
    script = 'mount -t tmpfs -o size=75% tmpfs /mnt && TMPDIR=/mnt exec "$@"'
    own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    build_box = [str(BUILDER), guest.suite, wheels, str(path), *guest.packages]
    argv = [*namespaces.DIE_WITH_US, *own, "sh", "-c", script, "sh", *build_box]
    subprocess.run(argv, check=True)
    return path


def download_wheels(guest: Guest) -> Path:
    """The versions that the host's venv has, for the guest's Python."""
    folder = FOLDER / "wheels" / guest.python
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("\n".join(requirements()) + "\n")
    (folder / "constraints.txt").write_text("\n".join(installed_versions()) + "\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    which = ["--only-binary=:all:", "--python-version", guest.python, "--implementation", "cp"]
    for platform in PLATFORMS:
        which += ["--platform", platform]
    files = ["--requirement", str(folder / "requirements.txt")]
    files += ["--constraint", str(folder / "constraints.txt"), "--dest", str(folder)]
    subprocess.run([*pip, *which, *files], check=True)
    return folder


def installed_versions() -> list[str]:
    """NAME==VERSION of what the venv of this Python has, its own packages only."""
    listing = [sys.executable, "-m", "pip", "list", "--local", "--format=json"]
    output = subprocess.run(
        [*listing, "--exclude-editable"], check=True, stdout=subprocess.PIPE
    ).stdout
    return [f"{one['name']}=={one['version']}" for one in json.loads(output)]
