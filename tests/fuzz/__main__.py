"""Coverage-guided campaigns: ``python -m tests.fuzz --seconds 120 elf sites``; all without a name.

Each target runs in a process of its own, by atheris. What it reached is kept in build/fuzz for the
next time. An input that fails lies there as well; copy it to tests/fuzz/corpus/TARGET, where
the ordinary tests replay it.
"""

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
BUILD = FOLDER.parents[1] / "build" / "fuzz"
SECONDS_AN_INPUT = 20
MEMORY_MB = 3000


def main() -> int:
    """Run the campaigns one after the other; 1 if an input was found that fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.inside:
        fuzz(options.names[0], options.seconds)
    failed = []
    for name in options.names or names():
        print(f"── {name}", flush=True)
        again = [sys.executable, "-m", "tests.fuzz", "--inside", "--seconds", str(options.seconds)]
        if subprocess.run([*again, name]).returncode:
            failed.append(name)
    if failed:
        print(f"found something: {', '.join(failed)}; the inputs are in {BUILD}", file=sys.stderr)
    return bool(failed)


def names() -> list[str]:
    """All targets."""
    from tests.fuzz.targets import TARGETS

    return list(TARGETS)


def fuzz(name: str, seconds: int) -> None:
    """One campaign; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["whowoke"]):
        from tests.fuzz.targets import TARGETS
    seeds, reached = FOLDER / "corpus" / name, BUILD / name
    reached.mkdir(parents=True, exist_ok=True)
    arguments = [
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_AN_INPUT}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={BUILD}/{name}-",
        "-max_len=512",
        "-len_control=0",
        "-verbosity=0",
        "-print_final_stats=1",
        str(reached),
        *([str(seeds)] if seeds.exists() else []),
    ]
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
