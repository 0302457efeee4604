"""Makes operators that nobody has seen: names, lines, period and mechanism are drawn from a seed.

    build/venv/bin/python tests/blind.py SEED [MECHANISM [STYLE]]

The sources come from tests/operators/blind: a frame of two files, and for each style of a mechanism
a fragment, MECHANISM/STYLE.tmpl. It goes to the mechanism's place in the frame; what follows a line
"----- PLACE" goes there. The same seed gives the same names and period with any mechanism.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPERATORS = ROOT / "tests" / "operators"
TEMPLATES = OPERATORS / "blind"
GO = ROOT / "build" / "go"
# Where the fragment of each mechanism goes, and whether the operator keeps a diary.
MECHANISMS = {
    "requeue": ("body", False),
    "resync": ("caching", False),
    "ticker": ("setup", False),
    "wrapped": ("body", True),
    "again": ("body", True),
    "failing": ("body", True),
    "chain": ("body", True),
    "timer": ("loop", True),
    "sleep": ("loop", True),
    "afterfunc": ("loop", True),
    "waituntil": ("loop", True),
    "cron": ("loop", True),
    "asking": ("loop", True),
    "leader": ("options", True),
    # What happens to these comes from outside.
    "touched": ("", True),
    "scraped": ("", True),
    "probed": ("", True),
}
# Their fragments hand objects over in a channel.
OWN_WATCH = ("ticker", "timer", "sleep", "afterfunc", "waituntil", "cron", "asking")
# Client-go raises a resync below 1 s, which controller-runtime may have shortened by a tenth.
PERIOD_MS = range(1200, 2200)

NOUNS = (TEMPLATES / "nouns.txt").read_text().split()
VERBS = (TEMPLATES / "verbs.txt").read_text().split()


@dataclass(frozen=True)
class Truth:
    """What is to be found out about a blind operator.

    lines has file:line of each mark in its sources, written as Go's symbol table writes them: asks
    is the return statement that asks for the requeue, arms what sets a timer, waits where its
    goroutine waits, calls a timer's own function, declares what sets the SyncPeriod. All that are
    told of a requeue, a resync or a ticker are in function, which is empty for other mechanisms.
    """

    seed: int
    mechanism: str
    style: str
    period_ns: int
    function: str
    lines: dict[str, tuple[str, ...]]
    controller: str
    objects: tuple[str, ...]
    folder: Path
    binary: Path


def generate(
    seed: int,
    mechanism: str | None = None,
    style: str | None = None,
    below: Path = ROOT / "build" / "blind",
) -> Truth:
    """Draw an operator, write its sources to a folder of its own and build it stripped."""
    mechanism = mechanism or random.Random(f"{seed}/mechanism").choice(list(MECHANISMS))
    names = _names(random.Random(f"{seed}/names"))
    if mechanism == "cron":  # counts in whole seconds
        names |= {"period_ns": "2000000000"}
    rng = random.Random(f"{seed}/{mechanism}/layout")
    style = style or rng.choice(styles(mechanism) or ["quiet"])
    objects = names["quoted_objects"].replace('"', "").split(", ")

    folder = below / f"{seed}-{mechanism}"
    sources = {
        Path("main.go"): _render("main.go.tmpl", names, mechanism, style, rng),
        Path(names["package"], names["file"]): _render(
            "controller.go.tmpl", names, mechanism, style, rng
        ),
    }
    lines = _write(folder, names["module"], sources)
    binary = folder / names["app"]
    _build(folder, binary)
    return Truth(
        seed=seed,
        mechanism=mechanism,
        style=style,
        period_ns=int(names["period_ns"]),
        function=_function(names, mechanism, style),
        lines=lines,
        controller=names["controller"],
        objects=tuple(objects),
        folder=folder,
        binary=binary,
    )


def styles(mechanism: str) -> list[str]:
    """Ways in which a mechanism is written."""
    return sorted(path.stem for path in (TEMPLATES / mechanism).glob("*.tmpl"))


def _names(rng: random.Random) -> dict[str, str]:
    nouns = rng.sample(NOUNS, len(NOUNS))
    verbs = rng.sample(VERBS, len(VERBS))
    noun, verb = nouns.pop, verbs.pop
    title = str.capitalize
    kind = noun()
    period_ms = rng.choice(PERIOD_MS)
    names = {
        "app": f"{noun()}-{rng.choice(('operator', 'keeper', 'controller', 'manager'))}",
        "package": noun(),
        "file": f"{noun()}.go",
        "Reconciler": title(kind) + rng.choice(("Reconciler", "Controller", title(noun()))),
        "controller": f"{kind}-{noun()}" if rng.random() < 0.5 else kind,
        "Setup": rng.choice(("SetupWithManager", title(verb()) + title(noun()))),
        "Poller": title(noun()) + title(noun()),
        "period_ns": str(period_ms * 1_000_000),
        "period": rng.choice(
            (f"{period_ms} * time.Millisecond", f"time.Duration({period_ms}e6)", f"{period_ms}e6")
        ),
        "decoy_a": f"{rng.randint(3, 9)} * time.Second",
        "decoy_b": f"{rng.randint(2, 9)} * time.Minute",
        "quoted_objects": ", ".join(f'"{noun()}-{noun()}"' for _ in range(rng.randint(2, 5))),
    }
    names["sync_ns"] = str(period_ms * rng.choice((2_600_000, 3_400_000, 4_300_000)))
    names["module"] = f"example.com/{noun()}/{names['app']}"
    for local in ("object", "events", "clock", "key", "value", "other"):
        names[local] = noun()
    for private in ("start", "create", "selector", "helper", "sweep", "problem", "note"):
        names[private] = verb() + title(noun())
    for constant in ("short", "long", "usual"):
        names[constant] = noun() + title(rng.choice(("delay", "pause", "wait"))) + title(verb())
    return names


def _render(
    template: str, names: dict[str, str], mechanism: str, style: str, rng: random.Random
) -> str:
    parts = names | _parts(mechanism, style, rng)
    text = (TEMPLATES / template).read_text()

    def fill(match: re.Match[str]) -> str:
        indent, name = match.groups()
        filled = {"gap": _gap, "pad": _pad}[name](rng) if name in ("gap", "pad") else parts[name]
        return indent + filled.replace("\n", "\n" + indent)

    while "$" in text:  # what is filled in has places to fill
        text = re.sub(r"(\t*)\$([A-Za-z_]+)", fill, text)
    return _without_unused_imports(text)


def _parts(mechanism: str, style: str, rng: random.Random) -> dict[str, str]:
    """Fill the places that depend on the mechanism."""
    place, diary = MECHANISMS[mechanism]
    predicates = ["", _text("predicates/function")]
    if mechanism != "resync":  # an object that didn't change doesn't pass this one
        predicates.append(_text("predicates/changed"))
    parts = dict.fromkeys(("caching", "declarations", "diary", "options", "reconciles"), "") | {
        "body": _text("quiet"),
        "completes": "r",
        "every": rng.choice(("r.Every", "$usual", "$period")),
        "limited": _text("limited"),
        "ticker_every": rng.choice(("p.every", "$usual", "$period")),
        "predicates": rng.choice(predicates),
        "setup": "",
        "watches": "",
    }
    if mechanism in OWN_WATCH:
        parts["watches"] = _text(rng.choice(("watches/object", "watches/map")))
    if diary:
        parts |= {"diary": _text("note"), "reconciles": '$note("reconcile", req.Name)'}
    if place == "loop":
        parts |= _fragment("loop", "setup")
    return parts | (_fragment(f"{mechanism}/{style}", place) if place else {})


def _fragment(name: str, place: str) -> dict[str, str]:
    """The pieces of a fragment by the places where they go, the first to its mechanism's."""
    first, *others = re.split(r"(?m)^----- (\w+)\n", _text(name))
    pieces = {place: first, **dict(zip(others[::2], others[1::2], strict=True))}
    return {where: piece.rstrip("\n") for where, piece in pieces.items()}


def _text(name: str) -> str:
    return (TEMPLATES / f"{name}.tmpl").read_text().rstrip("\n")


def _gap(rng: random.Random) -> str:
    return "\n".join(rng.choice(("", _comment(rng))) for _ in range(rng.randint(0, 4)))


def _pad(rng: random.Random) -> str:
    """Blank lines, comments, constants and functions that nobody needs."""
    pieces = []
    for _ in range(rng.randint(0, 5)):
        name = f"{rng.choice(VERBS)}{rng.choice(NOUNS).capitalize()}{rng.randrange(10_000)}"
        limit = rng.randint(2, 99)
        function = (
            f"func {name}(n int) int {{\n\tif n > {limit} {{\n\t\treturn n - {limit}\n\t}}\n"
            f"\treturn {limit} * n\n}}"
        )
        pieces.append(
            rng.choice(
                (function, f"const {name} = {limit}", "", _comment(rng), _comment(rng) + "\n")
            )
        )
    return "\n\n".join(pieces)


def _comment(rng: random.Random) -> str:
    return f"// {rng.choice(VERBS)} the {rng.choice(NOUNS)} and the {rng.choice(NOUNS)}"


def _without_unused_imports(text: str) -> str:
    imports, _, code = text.partition("\n)\n")

    def used(line: str) -> bool:
        match = re.fullmatch(r'\t(?:(\w+) )?"(?:.*/)?([^"/]+)"', line)
        return match is None or re.search(rf"\b{match[1] or match[2]}\.[A-Z]", code) is not None

    return "\n".join(filter(used, imports.splitlines())) + "\n)\n" + code


def _function(names: dict[str, str], mechanism: str, style: str) -> str:
    if mechanism == "resync":
        return f"main.{names['start']}"
    if mechanism not in ("requeue", "ticker"):
        return ""
    receiver, method = names["Reconciler"], "Reconcile"
    if (mechanism, style) == ("ticker", "runnable"):
        receiver, method = names["Poller"], "Start"
    elif (mechanism, style) == ("ticker", "function"):
        method = f"{names['Setup']}.func1"
    elif mechanism == "ticker":
        method = names["sweep"]
    return f"{names['module']}/{names['package']}.(*{receiver}).{method}"


def _write(folder: Path, module: str, sources: dict[Path, str]) -> dict[str, tuple[str, ...]]:
    """Write the module without the markers; returns file:line of each marker."""
    shutil.rmtree(folder, ignore_errors=True)
    lines: dict[str, tuple[str, ...]] = {}
    for path, text in sources.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if found := re.search(r" //@(\w+)$", line):
                lines[found[1]] = (*lines.get(found[1], ()), f"{module}/{path}:{number}")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(re.sub(r"(?m) //@\w+$", "", text))
    requirements = (OPERATORS / "go.mod").read_text()
    (folder / "go.mod").write_text(re.sub(r"(?m)^module .*", f"module {module}", requirements))
    shutil.copy(OPERATORS / "go.sum", folder)
    return lines


def _build(folder: Path, binary: Path) -> None:
    """Build as the Makefile builds the demo operators, which have downloaded every module."""
    own = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOPROXY": "off"}
    argv = [str(GO), "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(binary)]
    built = subprocess.run(
        [*argv, "."], cwd=folder, env=os.environ | own, capture_output=True, text=True, check=False
    )
    if built.returncode:
        raise RuntimeError(f"{folder}: go build failed:\n{built.stderr}")


def main() -> None:
    """Make one operator and print the truth about it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("mechanism", nargs="?", choices=MECHANISMS)
    parser.add_argument("style", nargs="?")
    given = parser.parse_args()
    truth = generate(given.seed, given.mechanism, given.style)
    print(json.dumps(asdict(truth), default=str, indent=2))


if __name__ == "__main__":
    main()
