"""Captures that anybody may have made: what is read of them, and all that is said of them then."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.choices import MAX_PATCHES, Choices, patched
from tests.fuzz.limits import file_of, two_lines
from tests.fuzz.recorded import operator
from tests.fuzz.reports import REPORTS
from tests.unit.askings import Asking
from whowoke.analysis.capture import chunks
from whowoke.analysis.capture.chunks import Block, Frame, Kind, Loss
from whowoke.analysis.capture.compression import Compressor
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.capture.rows import encode_rows
from whowoke.analysis.capture.schema import RECORD_BY_NAME
from whowoke.analysis.errors import WhowokeError
from whowoke.analysis.telling.info import describe, summary

TEXTS = (
    *("", " ", "\n", "a\nb: 0 lost", "\x1b[2J", "\u202egnp.exe", "\ud800", "\0", "=1+1|'!A1", "@x"),
    *("x" * 5000, "*", "(*", "main.(*", ")", ".", "..", "/", "//", "%s", "{}", "[bold]", "-", "\\"),
    *("/api", "/api/v1", "/apis/a/b/namespaces//pods", "/api/v1/watch/namespaces/ns/pods?watch=1"),
    *("unix:", "[::1]", ":443", "10.0.0.1:99999999", "go1.99", "go", "v", "v0.0.0-", "18446744073"),
    *("requeue.after", "unknown", "*v1.Pod", "*v1.PodList", "ADDED", "GET", "DELETE", "1e999"),
)
VALUES = (
    *(None, True, [], {}, [[]], [{}], [None], 0, -1, 1.5, 1e300, float("nan"), float("inf")),
    *((1 << 63) - 1, 1 << 63, (1 << 64) - 1, 10**400, [[0, 0, 0]], [[1, 2], 3], {"": None}),
)

Parts = list[tuple[Kind, int, bytes]]


def capture(data: bytes) -> None:
    """A capture with changed bytes, in some of its chunks with a right checksum."""
    choices = Choices(data)
    parts = list(_sound_parts())
    for _ in range(choices.below(4)):
        number = choices.below(len(parts))
        kind, detail, raw = parts[number]
        fields = [(at, 8) for at in range(0, min(len(raw), 4096), 4)] or [(0, 8)]
        parts[number] = (
            Kind(choices.pick([kind, *Kind])),
            choices.pick((detail, 0, 1, 4, 16, 99)),
            bytes(patched(raw, choices, fields)),
        )
    whole = _file(parts)
    fields = [(at, 4) for at in range(0, 512, 2)]
    with file_of(patched(whole, choices, fields) if choices else whole) as path:
        try:
            found = Capture.open(Path(path))
        except WhowokeError as error:
            two_lines(error)
            return
        _use_capture(found)


def analysis(data: bytes) -> None:
    """A sound capture of senseless records, texts and metadata, and one of the reports on it."""
    choices = Choices(data)
    report = choices.pick(REPORTS)
    with file_of(_file(_parts(_changed(choices)))) as path:
        try:
            report(Capture.open(Path(path)))
        except WhowokeError as error:
            two_lines(error)


def _use_capture(found: Capture) -> None:
    assert all(note.isprintable() for note in found.notes)
    for texts in (found.strings.values(), *found.stacks.values(), found.symbols.values()):
        for text in texts:
            assert "".join(map(str, text)).isprintable()
    json.dumps(found.metadata, allow_nan=False)
    for name in RECORD_BY_NAME:
        found.records(name)
    found.counts()
    found.losses.sum()
    list(found.logs())
    assert describe(summary(found)).replace("\n", "").isprintable()


# ------------------------------------------------------------ making captures


@cache
def _sound() -> Asking:
    return operator()


@cache
def _sound_parts() -> Parts:
    return _parts(_sound())


@cache
def _sound_rows() -> dict[str, np.ndarray]:
    return {name: _sound().records(name) for name in _sound()._rows}


def _parts(c: Any) -> Parts:
    """The chunks of a capture as the recorder writes them: some together, some alone."""
    rows = getattr(c, "rows", None) or {name: c.records(name) for name in c._rows}
    blocks = [
        Block(Kind.RECORDS, RECORD_BY_NAME[name].kind, encode_rows(RECORD_BY_NAME[name], [part]))
        for name, part in rows.items()
        if len(part)
    ]
    together = [Block(Kind.SYMBOLS, 0, chunks.encode_symbols(c.symbols)), *blocks[::2]]
    return [
        (Kind.METADATA, 0, chunks.encode_object(c.metadata)),
        (Kind.STRINGS, 0, chunks.encode_strings(c.strings)),
        (Kind.STACKS, 0, chunks.encode_stacks(c.stacks)),
        (Kind.LOSSES, 0, chunks.encode_losses([Loss(*row) for row in c.lost])),
        *((Kind.LOGS, 0, text) for text in c.log_texts),
        (Kind.BATCH, 0, chunks.encode_batch(together)),
        *((Kind.RECORDS, block.detail, block.raw) for block in blocks[1::2]),
        (Kind.END, 0, b""),
    ]


def sound_file(c: Any) -> bytes:
    """A capture's file."""
    return _file(_parts(c))


def _file(parts: Parts) -> bytes:
    compressor = Compressor()
    head = chunks.FILE_HEADER.pack(chunks.MAGIC, chunks.FORMAT_VERSION)
    return head + b"".join(chunks.pack(*part, compressor) for part in parts)


def _changed(choices: Choices) -> Any:
    """The sound capture with some of its values changed."""
    sound = _sound()
    c = copy.copy(sound)
    c.metadata = copy.deepcopy(sound.metadata)
    c.strings, c.stacks = dict(sound.strings), dict(sound.stacks)
    c.symbols, c.lost = dict(sound.symbols), list(sound.lost)
    c.log_texts = list(sound.log_texts)
    c.rows = {name: rows.copy() for name, rows in _sound_rows().items()}
    changes = (_change_rows, _change_rows, _change_rows, _change_text, _change_stack, _change_meta)
    for _ in range(MAX_PATCHES):
        if not choices:
            break
        choices.pick(changes)(c, choices)
    return c


def _change_rows(c: Any, choices: Choices) -> None:
    name = choices.pick(sorted(c.rows))
    rows = c.rows[name]
    if not len(rows):
        return
    fields = [f for f in rows.dtype.names if not f.startswith(("_", "pad"))]
    field, kind, row = choices.pick(fields), choices.below(8), choices.below(len(rows))
    old = int(rows[field][row])
    dtype = rows.dtype[field]
    if kind < 4:
        value = choices.word(old, *_hashes(c)[:200])
        where = slice(None) if kind == 3 else row
        rows[field][where] = np.array(value, np.uint64).astype(dtype)
    elif kind < 6:
        rows[field][row] = rows[field][choices.below(len(rows))]
    elif kind == 6:
        c.rows[name] = np.delete(rows, slice(row, row + 1 + choices.below(8)))
    else:
        c.rows[name] = np.concatenate(
            [rows, np.repeat(rows[row : row + 1], choices.pick((1, 5, 200, 2000)))]
        )


def _hashes(c: Any) -> list[int]:
    return [*c.stacks, *c.strings]


def _change_text(c: Any, choices: Choices) -> None:
    kind, text = choices.below(4), choices.pick(TEXTS)
    if kind == 3:
        c.log_texts.append(text.encode("utf-8", "replace") + choices.take(8))
        return
    number = choices.pick(sorted(c.strings))
    old = c.strings[number]
    c.strings[number] = (text, old + text, text + old)[kind]


def _change_stack(c: Any, choices: Choices) -> None:
    kind, text = choices.below(4), choices.pick(TEXTS)
    if kind == 0:
        number = choices.pick(sorted(c.symbols))
        c.symbols[number] = c.symbols[number]._replace(function=text)
        return
    number = choices.pick(sorted(c.stacks))
    frames = list(c.stacks[number])
    if kind == 1:
        frames.insert(choices.below(len(frames) + 1), Frame(text, text, choices.below(60000)))
    elif kind == 2:
        frames = frames[: choices.below(4)]
    else:
        frames = frames * (1 + choices.below(100))
    c.stacks[number] = frames


def _change_meta(c: Any, choices: Choices) -> None:
    place: Any = c.metadata
    value = copy.deepcopy(choices.pick((choices.pick(TEXTS), choices.pick(VALUES))))
    for _ in range(4):
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = choices.pick(keys)
        if not isinstance(place[key], dict | list) or choices.below(2) == 0:
            break
        place = place[key]
    else:
        return
    if choices.below(8) == 7:
        del place[key]
    else:
        place[key] = value
