"""What is known about a source of wake-ups, and how the moments of its wake-ups are known."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wakes:
    """One series of wake-ups.

    at says how the moments are known: "diary WORD" (a line that the operator writes just after
    it woke), "audit VERB STAGE RESOURCE TEXT" (the API server's audit log; the text, if any, is in
    the request's URI), "actor" (who provoked or saw them noted them), "gctrace"; only their number
    is known of "every 2s" and "about 2s". marks is false where the line is that of a library, which
    is named by function, a pattern, instead.
    """

    origin: str
    cause: str
    kind: str
    at: str = "diary tick"
    marks: bool = False
    function: str = "*"
    subject: str = "*"
    continues: bool = False


@dataclass(frozen=True)
class Source:
    """One operator with its reasons.

    reconciles is the cause of every reconcile, or "replay" where the diary tells it for each: adds
    and requeues are noted there, and tests/accuracy/queue.py knows what a queue makes of them.
    seconds is how long it is recorded, if not for 21 periods; least_s the least that shows it.
    asks: the line that asks for the requeue has to be told. binary is the program if it isn't
    build/bin/PROGRAM, subject the version that it stands for. lines are its marks, if these aren't
    in tests/operators/PROGRAM: such an operator has a period of its own. Without a diary, the
    operator's own metric says how many reconciles there were.
    """

    name: str
    program: str
    wakes: tuple[Wakes, ...] = ()
    reconciles: str = ""
    asks: bool = False
    period_s: float = 2
    warm_up_s: float = 0
    seconds: float = 0
    least_s: float = 0
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    actor: str = ""
    objects: int = 3
    classic: bool = False
    binary: Path | None = None
    lines: tuple[tuple[str, tuple[str, ...]], ...] = ()
    diary: bool = True
    subject: str = "controller-runtime-0.24"

    @property
    def duration_s(self) -> float:
        """How long it is recorded: 21 periods, or what the source needs."""
        return self.seconds or 21 * self.period_s
