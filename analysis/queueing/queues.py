"""Work queues played again, add by add: which adds a Get consumed and which of them were due.

In controller-runtime's priority queue an item is once: an add for at once makes a waiting one
ready; of several delays the shortest counts; a Get takes all with it. In client-go's queues a
delayed item waits apart: only its own delay, the shortest of several, moves it to the queue, and a
Get takes what is in the queue.
"""

from dataclasses import dataclass, field

from whowoke.analysis.rules.causes import Cause

Key = tuple[int, int, int]

# Of one item, those among which is looked for what made it ready: the first does in a sound queue.
MAX_NEWEST = 256
# An add is recorded before it is in the queue; a Get this shortly after may come first.
RACE_NS = 5_000_000
# How long an add may wait to be taken into the queue.
FLUSH_NS = 1_000_000_000


@dataclass(eq=False, slots=True)
class Add:
    """One item handed to a queue. ``due_ns`` of a rate-limited one is known once it is ready.

    ``waiting`` as long as it waits apart, which only delayed items of client-go's queues do.
    ``causes`` once they were asked for.
    """

    ts_ns: int
    goid: int
    tid: int
    key: Key
    after_ns: int
    rate_limited: bool
    priority: int
    stack: int
    due_ns: int | None = None
    waiting: bool = False
    get: "Get | None" = None
    event: str = ""
    reconcile: "Reconcile | None" = None
    return_pc: int = 0
    causes: list[Cause] | None = None


@dataclass(eq=False, slots=True)
class Ready:
    """An item became ready: ``adds`` made it so, ``delayed`` are those whose delay was over.

    ``before`` says that nothing of this item was seen yet: it was added before the recording.
    """

    ts_ns: int
    goid: int
    tid: int
    key: Key
    adds: tuple[Add, ...] = ()
    delayed: tuple[Add, ...] = ()
    before: bool = False


@dataclass(eq=False, slots=True)
class Get:
    """An item was handed out, with all the adds that it stands for."""

    ts_ns: int
    goid: int
    tid: int
    key: Key
    consumed: tuple[Add, ...] = ()
    last_ready_ns: int = 0
    reconcile: "Reconcile | None" = None
    first: bool = False

    @property
    def before(self) -> bool:
        """Whether its adds came before the recording."""
        return self.first and not self.triggers()

    def triggers(self) -> list[Add]:
        """The consumed adds that were due."""
        return [a for a in self.consumed if a.due_ns is not None and a.due_ns <= self.ts_ns]


@dataclass(eq=False, slots=True)
class Done:
    """A worker is done with an item."""

    ts_ns: int
    goid: int
    tid: int
    key: Key
    get: Get | None = None


@dataclass(eq=False, slots=True)
class Reconcile:
    """One run of Reconcile; ``get`` is None if its item was handed out before the recording."""

    start_ns: int
    goid: int
    key: Key
    controller: str
    get: Get | None = None
    end_ns: int | None = None
    result: str = "unknown"
    requeue_after_ns: int | None = None
    return_pc: int = 0
    asked_stack: int = 0
    first: bool = False
    log_id: str = ""

    @property
    def before(self) -> bool:
        """Whether its adds came before the recording."""
        return self.get.before if self.get else self.first

    def triggers(self) -> list[Add]:
        """The adds that led to it."""
        return self.get.triggers() if self.get else []


@dataclass(slots=True)
class _Item:
    pending: list[Add] = field(default_factory=list)
    last_get: Get | None = None
    last_ready_ns: int = 0
    known: bool = False
    last_due: Ready | None = None
    was_due: bool = False
    before_ns: int = 0

    def in_queue(self) -> tuple[Add, ...]:
        """The adds that the next Get takes."""
        return tuple([add for add in self.pending if not add.waiting])

    def newest(self) -> list[Add]:
        """The newest of these: an item becomes ready once, whatever is added to it then."""
        return [add for add in self.pending[-MAX_NEWEST:] if not add.waiting]


@dataclass
class Queues:
    """All items of all queues. Feed it in the order of time."""

    adds: list[Add] = field(default_factory=list)
    readies: list[Ready] = field(default_factory=list)
    gets: list[Get] = field(default_factory=list)
    dones: list[Done] = field(default_factory=list)
    dues: list[Ready] = field(default_factory=list)
    _items: dict[Key, _Item] = field(default_factory=dict)

    def _item(self, key: Key) -> _Item:
        return self._items.setdefault(key, _Item())

    def add(self, add: Add) -> None:
        """An item was handed in."""
        if not add.rate_limited or add.after_ns:
            add.due_ns = add.ts_ns + add.after_ns if add.after_ns else add.ts_ns
        self.adds.append(add)
        self._item(add.key).pending.append(add)

    def due(self, due: Ready) -> None:
        """An item that waited apart is moved to the queue: a delay is over."""
        item = self._item(due.key)
        moved = [add for add in item.pending if add.waiting]
        for add in moved:
            add.waiting = False
        due.adds = due.delayed = tuple([a for a in moved if (a.due_ns or 0) <= due.ts_ns])
        # Of all delays of an item one is over, and at most one was set before the recording.
        due.before = not due.adds and not item.was_due
        item.before_ns = due.ts_ns if due.before else item.before_ns
        item.was_due, item.last_due = True, due
        self.dues.append(due)

    def ready(self, ready: Ready) -> None:
        """An item became ready: by what is due, else by a rate limiter whose delay is over."""
        item = self._item(ready.key)
        item.last_ready_ns = ready.ts_ns
        self.readies.append(ready)
        due, item.last_due = item.last_due, None
        if due is not None and due.goid == ready.goid:
            ready.adds, ready.delayed, ready.before = due.adds, due.delayed, due.before
            _take_back_due(item, due)
            return
        at_once, delayed = _made_ready(item.newest(), ready.ts_ns)
        if not at_once and not delayed and _take_back(item, ready.ts_ns):
            at_once, delayed = _made_ready(item.newest(), ready.ts_ns)
        for add in () if at_once else delayed:
            add.due_ns = ready.ts_ns if add.due_ns is None else add.due_ns
        ready.adds, ready.delayed = at_once or delayed, delayed
        ready.before = not item.known and not item.pending

    def get(self, get: Get) -> None:
        """An item was handed out: everything that is in the queue for it is consumed."""
        item = self._item(get.key)
        get.consumed = item.in_queue()
        item.pending = [add for add in item.pending if add.waiting]
        get.last_ready_ns = item.last_ready_ns
        for add in get.consumed:
            add.get = get
        last_ns = item.last_get.ts_ns if item.last_get else 0
        get.first = not item.known or item.before_ns > last_ns
        item.known = True
        item.last_get = get
        self.gets.append(get)

    def done(self, done: Done) -> None:
        """A worker gave the item back."""
        done.get = self._item(done.key).last_get
        self.dones.append(done)

    def start(self, reconcile: Reconcile) -> None:
        """Reconcile is entered: for the item that was handed out last."""
        item = self._item(reconcile.key)
        if item.last_get and item.last_get.reconcile is None:
            reconcile.get = item.last_get
            reconcile.get.reconcile = reconcile
        else:
            reconcile.first = not item.known
        item.known = True


def _made_ready(pending: list[Add], ts_ns: int) -> tuple[tuple[Add, ...], tuple[Add, ...]]:
    """Of the waiting adds those for at once, and those whose delay is over by now."""
    at_once = [a for a in pending if not a.after_ns and not a.rate_limited]
    due = [a for a in pending if a.after_ns and a.due_ns is not None and a.due_ns <= ts_ns]
    return tuple(at_once), tuple(due or [a for a in pending if a.due_ns is None])


def _take_back_due(item: _Item, due: Ready) -> None:
    """Between the record of an item that is due and its move another worker took the item."""
    get = item.last_get
    if get is None or get.ts_ns < due.ts_ns:
        return
    for add in due.adds:
        if add.get is get:
            _put_back(item, get, add)


def _take_back(item: _Item, ts_ns: int) -> bool:
    """The item is ready again though nothing was added: the last add came just after the Get."""
    get = item.last_get
    if get is None or not get.consumed:
        return False
    late = get.consumed[-1]
    if late.ts_ns < max(get.last_ready_ns, get.ts_ns - RACE_NS):
        return False
    if late.due_ns is not None and not 0 <= ts_ns - late.due_ns < FLUSH_NS:
        return False
    _put_back(item, get, late)
    return True


def _put_back(item: _Item, get: Get, add: Add) -> None:
    get.consumed = tuple([other for other in get.consumed if other is not add])
    add.get = None
    item.pending.append(add)
