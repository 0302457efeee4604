"""Makes pollers that nobody has seen: the operator `poller` with drawn names, lines and kinds.

build/venv/bin/python -m tests.blind_poller SEED
"""

import argparse
import json
import random
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from tests import blind

MODULE = "whowoke.test/operators"
TYPES = ("ClusterReconciler", "BackupReconciler")
METHODS = ("look", "statefulSet", "service", "secret", "configMap", "create", "make")
FILES = ("cluster.go", "backup.go")
PACKAGES = ("internal/demo", "internal/api")
KINDS = ("StatefulSet", "Service", "Secret", "ConfigMap")
PERIOD_MS = range(900, 1900)


@dataclass(frozen=True)
class Poller:
    """What is to be found out about a blind poller.

    lines has file:line of each mark in its sources, as Go's symbol table writes them. Its two
    kinds, and what the first one's reconciles read in this order, are named as the API does.
    """

    seed: int
    period_ns: int
    cluster_kind: str
    backup_kind: str
    group: str
    reads: tuple[str, ...]
    clusters: tuple[str, ...]
    reconcilers: tuple[str, ...]
    lines: dict[str, tuple[str, ...]]
    binary: Path

    @property
    def arguments(self) -> list[str]:
        """What its command line says besides what every operator is told."""
        return [
            f"--group={self.group}",
            f"--cluster-kind={self.cluster_kind}",
            f"--backup-kind={self.backup_kind}",
            f"--clusters={','.join(self.clusters)}",
            f"--reads={','.join(self.reads)}",
        ]


def generate(seed: int, below: Path = blind.ROOT / "build" / "blind") -> Poller:
    """Draw a poller, write its sources to a folder of its own and build it stripped."""
    rng = random.Random(f"{seed}/poller")
    nouns, verbs = rng.sample(blind.NOUNS, len(blind.NOUNS)), rng.sample(blind.VERBS, 20)
    noun, verb = nouns.pop, verbs.pop
    app, folder = f"{noun()}-operator", below / f"{seed}-poller"
    module = f"example.com/{noun()}/{app}"
    names = {name: noun().capitalize() + noun().capitalize() for name in TYPES}
    names |= {name: verb() + noun().capitalize() for name in METHODS}
    shutil.rmtree(folder, ignore_errors=True)
    lines: dict[str, tuple[str, ...]] = {}
    for path in sorted((blind.OPERATORS / "poller").glob("*.go")):
        name = f"{noun()}.go" if path.name in FILES else path.name
        text = _renamed(_padded(path.read_text(), rng), names).replace(MODULE, module)
        lines |= _write(folder / name, f"{module}/{name}", text)
    for package in PACKAGES:
        for path in sorted((blind.OPERATORS / package).glob("*.go")):
            text = path.read_text().replace(MODULE, module)
            _write(folder / package / path.name, "", text)
    requirements = (blind.OPERATORS / "go.mod").read_text()
    (folder / "go.mod").write_text(re.sub(r"(?m)^module .*", f"module {module}", requirements))
    shutil.copy(blind.OPERATORS / "go.sum", folder)
    binary = folder / app
    blind._build(folder, binary)
    return Poller(
        seed=seed,
        period_ns=rng.choice(PERIOD_MS) * 1_000_000,
        cluster_kind=noun().capitalize(),
        backup_kind=noun().capitalize(),
        group=f"{noun()}.example.com",
        reads=tuple(rng.sample(KINDS, rng.randint(2, len(KINDS)))),
        clusters=tuple(f"{noun()}-{noun()}" for _ in range(rng.randint(2, 4))),
        reconcilers=(
            f"main.(*{names[TYPES[0]]}).Reconcile",
            f"main.(*{names[TYPES[1]]}).Reconcile",
        ),
        lines=lines,
        binary=binary,
    )


def _padded(text: str, rng: random.Random) -> str:
    """With comments and blank lines where a blank line is; marks go with their lines."""

    def gap(_: re.Match[str]) -> str:
        words = (f"// {rng.choice(blind.VERBS)} the {rng.choice(blind.NOUNS)}\n", "\n")
        return "\n\n" + "".join(rng.choice(words) for _ in range(rng.randint(0, 5))) + "\n"

    return re.sub(r"\n\n(?!// )", gap, text)


def _renamed(text: str, names: dict[str, str]) -> str:
    for old in TYPES:
        text = re.sub(rf"\b{old}\b", names[old], text)
    for old in METHODS:
        text = re.sub(rf"(\br\.|\) ){old}\(", rf"\g<1>{names[old]}(", text)
    return text


def _write(path: Path, file: str, text: str) -> dict[str, tuple[str, ...]]:
    """Write a source without its marks; returns where they were."""
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.search(r" //@(\w+)$", line):
            found[match[1]] = (*found.get(match[1], ()), f"{file}:{number}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"(?m) //@\w+$", "", text))
    return found


def main() -> None:
    """Make one poller and print the truth about it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("seed", type=int)
    truth = generate(parser.parse_args().seed)
    print(json.dumps(asdict(truth), default=str, indent=2))


if __name__ == "__main__":
    main()
