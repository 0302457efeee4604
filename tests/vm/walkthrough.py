"""The commands of docs/vagrant.md, typed in a guest: two terminals, and one on the host."""

import re
import subprocess
import time

from tests import fixtures
from tests.fixtures import ROOT
from tests.vm.machine import Machine

PAGE = ROOT / "docs" / "vagrant.md"
PROMPT = re.compile(r"^vagrant@whowoke:/vagrant\$ ((?:.*\\\n)*.*)$", re.MULTILINE)
FORWARD = re.compile(r"^\$ vagrant ssh -- (-N -L (\d+):\S+) &$", re.MULTILINE)
TERMINAL_2 = "Terminal 2:"
READY_S = 300


def walk(machine: Machine) -> int:
    """Type everything; returns the first exit code that isn't 0. What `make` builds is there."""
    text = PAGE.read_text()
    first, second = (
        [line for line in PROMPT.findall(part) if not line.startswith("sudo make")]
        for part in text.split(TERMINAL_2, 1)
    )
    terminal = subprocess.Popen(machine.typed("\n".join(first)), stdout=subprocess.DEVNULL)
    try:
        _wait(machine, "pidof requeue")
        for line in second:
            print(f"$ {line}", flush=True)
            if code := subprocess.run(machine.typed(line)).returncode:
                return code
        _reach(machine, text)
    finally:
        terminal.kill()
        terminal.wait()
    return 0


def _reach(machine: Machine, text: str) -> None:
    """The operator's metrics, through the port that the page forwards."""
    found = FORWARD.search(text)
    assert found, f"{PAGE} forwards no port"
    argv = ["ssh", "-F", str(machine.ssh_config), *found[1].split(), machine.guest.machine]
    forward = subprocess.Popen(argv)
    try:
        url = f"http://127.0.0.1:{found[2]}/metrics"
        samples = fixtures.wait_until(lambda: _scrape(url), READY_S, url, forward)
    finally:
        forward.kill()
        forward.wait()
    reconciles = sum(n for (name, _), n in samples.items() if name == fixtures.COUNTERS[0])
    print(f"reached from the host: {reconciles:g} reconciles so far", flush=True)


def _scrape(url: str) -> fixtures.Metrics | None:
    try:
        return fixtures.scrape(url)
    except OSError:
        return None


def _wait(machine: Machine, command: str) -> None:
    deadline = time.monotonic() + READY_S
    while machine.run(command):
        if time.monotonic() > deadline:
            raise SystemExit(f"{command}: failed for {READY_S} s")
        time.sleep(2)
