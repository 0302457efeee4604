"""What all reconciles asked, put together: the table ``requests``, and what each comes to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whowoke.analysis.asking.askers import Askers, Texts
from whowoke.analysis.asking.changes import Events, brought_by, changed
from whowoke.analysis.asking.contacts import Exchanges, contact_rows
from whowoke.analysis.asking.family import Family
from whowoke.analysis.asking.handoffs import Waits, handed, handed_out
from whowoke.analysis.asking.redundancy import (
    NEEDED,
    Judge,
    count,
    lossy_times,
    missing_probes,
    whole,
)
from whowoke.analysis.asking.requests import TEXTS, Requests, cache_rows, http_rows, pair, together
from whowoke.analysis.asking.sameness import UNKNOWN, addresses, answered_the_same, questions
from whowoke.analysis.queueing.queues import Reconcile
from whowoke.analysis.rules.causes import Rules
from whowoke.analysis.rules.frames import CaptureLike, Code, Rows
from whowoke.analysis.rules.lookup import MISSING
from whowoke.analysis.tables.nullable import ids, nullable, unless_missing
from whowoke.analysis.waking.chains import Chains
from whowoke.analysis.waking.peers import Peers


@dataclass
class Asked:
    """Requests in the order of time, and what is known of each: ``question`` numbers what is asked,
    ``same`` and ``changed`` are -1 where that isn't known, ``event_ns`` where there is none.

    ``whole`` and ``handed`` are about reconciles, see ``redundancy.Judge``.
    """

    requests: Requests
    question: Rows
    same: Rows
    changed: Rows
    event_ns: Rows
    family: Family
    whole: Rows
    handed: Rows


def collect(
    capture: CaptureLike,
    code: Code,
    rules: Rules,
    peers: Peers,
    chains: Chains,
    reconciles: Sequence[Reconcile],
) -> Asked:
    """All requests of a capture."""
    texts, askers, family = Texts(capture.strings), Askers(code), Family(capture, reconciles)
    answers = pair(capture)
    exchanges = Exchanges(capture, family, answers)
    requests = together(
        [
            cache_rows(capture, texts, askers, family),
            http_rows(capture, texts, askers, family, answers),
            contact_rows(capture, texts, askers, family, peers, exchanges),
        ]
    )
    question = questions(requests)
    kept = whole(lossy_times(capture, chains.blind), family)
    memory = addresses(capture, requests, family)
    same = answered_the_same(requests, question, family, kept, memory)
    events = Events(capture, texts)
    waits = Waits(capture, code, rules)
    strangers = handed(capture, waits, family, exchanges)
    strangers |= handed_out(waits, requests, family)
    return Asked(
        requests,
        question,
        same,
        changed(requests, events),
        brought_by(requests, events, same, family),
        family,
        kept,
        strangers,
    )


def request_rows(asked: Asked) -> pd.DataFrame:
    """The table ``requests``; columns as in ``columns.REQUESTS``."""
    requests = asked.requests
    found = pd.DataFrame({"request_id": np.arange(len(requests)) + 1, "ts_ns": requests["ts_ns"]})
    known = requests["end_ns"] != MISSING
    found["duration_ns"] = nullable(requests["end_ns"] - requests["ts_ns"], known)
    found["reconcile_id"] = ids(requests["run"])
    found["goroutine_id"] = nullable(requests["goid"], requests["goid"] != 0)
    for name in TEXTS:
        found[name] = requests.texts.column(requests[name])
    for name in ("status", "objects", "sent_bytes", "received_bytes"):
        found[name] = unless_missing(requests[name])
    found["event_ns"] = unless_missing(asked.event_ns)
    flags = {"found": requests["found"], "same": asked.same, "changed": asked.changed}
    for name, values in flags.items():
        found[name] = pd.arrays.BooleanArray(values == 1, values == UNKNOWN)
    return found


def verdicts(capture: CaptureLike, asked: Asked, reconciles: Sequence[Reconcile]) -> pd.DataFrame:
    """What each reconcile's requests come to, by row as in ``reconciles``.

    Returns ``redundant``, ``redundant_reason`` and the counts ``cache_reads``, ``api_reads``,
    ``api_writes``, ``other_requests``; the counts are empty where the probes for them are missing.
    """
    missing, runs = missing_probes(capture), len(reconciles)
    # A reconcile that only a log tells of has no goroutine whose requests could be seen.
    seen = np.array([reconcile.goid > 0 for reconcile in reconciles], bool)
    counts = {
        name: nullable(values, seen & (not missing & NEEDED[name]))
        for name, values in count(asked.requests, runs).items()
    }
    if missing:
        found = [("unknown", f"recorded without {', '.join(sorted(missing))}")] * runs
    else:
        judge = Judge(
            asked.requests,
            asked.question,
            asked.same,
            asked.changed,
            asked.family,
            reconciles,
            asked.whole,
            asked.handed,
        )
        # Few are different: each is in memory once.
        known: dict[tuple[str, str], tuple[str, str]] = {}
        found = [known.setdefault(one, one) for one in map(judge.verdict, range(runs))]
    texts = {
        name: pd.Series([row[n] for row in found], dtype=object) for n, name in enumerate(VERDICT)
    }
    return pd.DataFrame({**texts, **counts})


VERDICT = ("redundant", "redundant_reason")
