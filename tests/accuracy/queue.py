"""What a work queue makes of adds, told from an operator's diary: the truth for each reconcile."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.accuracy.diary import Note

# Nearer than this to its due time, an add may or may not be part of a reconcile.
UNSURE_NS = 15_000_000


@dataclass(frozen=True)
class Truth:
    """The causes of one reconcile; none where the order can't be told. since_ns: the first add."""

    start_ns: int
    name: str
    causes: frozenset[str]
    since_ns: int


@dataclass
class Item:
    """What waits for one key."""

    due: set[str]
    delayed_until_ns: int | None = None
    delayed_cause: str = ""
    delayed_ns: int = 0


def replay(notes: Sequence[Note], classic: bool) -> Iterator[Truth]:
    """The causes of each reconcile of a diary with the words add, requeue and reconcile."""
    items: dict[str, Item] = {}
    for note in notes:
        name, _, rest = note.about.partition(" ")
        item = items.setdefault(name, Item(set()))
        if note.word == "add":
            item.due.add(rest)
        elif note.word == "requeue":
            until_ns = note.ts_ns + int(rest)
            if item.due and not classic:
                continue  # the item is due already: a later time changes nothing
            if item.delayed_until_ns is None or until_ns < item.delayed_until_ns:
                item.delayed_until_ns, item.delayed_cause = until_ns, "requeue.after"
                item.delayed_ns = note.ts_ns
        elif note.word == "reconcile":
            yield _get(note, name, item, classic)


def _get(note: Note, name: str, item: Item, classic: bool) -> Truth:
    causes = set(item.due)
    since_ns, unsure = note.ts_ns, False
    if item.delayed_until_ns is not None:
        missing_ns = item.delayed_until_ns - note.ts_ns
        unsure = bool(causes) and abs(missing_ns) < UNSURE_NS
        if missing_ns <= UNSURE_NS:
            causes.add(item.delayed_cause)
            since_ns = item.delayed_ns
        if missing_ns <= UNSURE_NS or not classic:
            item.delayed_until_ns = None
    item.due = set()
    return Truth(note.ts_ns, name, frozenset() if unsure else frozenset(causes), since_ns)


def constant(starts: Iterable[tuple[int, str]], cause: str) -> Iterator[Truth]:
    """Reconciles that all have one cause, a requeue's being as old as the reconcile before."""
    before: dict[str, int] = {}
    for start_ns, name in starts:
        asked = cause.startswith("requeue")
        yield Truth(start_ns, name, frozenset({cause}), before.get(name, 0) if asked else start_ns)
        before[name] = start_ns
