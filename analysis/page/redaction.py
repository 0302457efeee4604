"""A capture without the names of objects and hosts: the same name always gets the same pseudonym.

Names are replaced before anything is analysed, where the capture has them, so that every table and
sentence that is made of them has the pseudonyms. What is left then are names inside of texts that
come from elsewhere, as functions and command lines: ``scrub`` takes out those that aren't also
words of whowoke's own.
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.asking.apipaths import parse
from whowoke.analysis.capture import schema
from whowoke.analysis.logs.loglines import open_log
from whowoke.analysis.model import Analysis
from whowoke.analysis.rules.causes import load_rules
from whowoke.analysis.rules.frames import CaptureLike

# Fields of records whose hashes stand for such names, by what they name.
FIELDS = {"namespace": "namespace", "object_name": "object", "host": "host", "address": "host"}
PATH = "path"
# Metadata of the target that names nothing but code and versions.
KEPT = (
    *("whowoke_version", "kernel", "machine", "clock_monotonic_ns", "clock_realtime_ns", "clocks"),
    *("pid", "name", "go_version", "main_module", "main_package", "modules", "build_id", "uprobes"),
    *(
        "missing",
        "sites",
        "hits",
        "skipped",
        "start_ns",
        "end_ns",
        "ended",
        "detach_ns",
        "detached",
    ),
    *(
        "sysmon_tid",
        "offsets_checked",
        "informers",
        "informers_complete",
        "namespace_pids",
        "hosts",
    ),
    *("sockets", "threads", "budget"),
)
# Shorter ones are parts of too many words.
MIN_SCRUBBED = 4
BASE64 = re.compile(r'(?<=")[A-Za-z0-9+/]{16,}={0,2}(?=")')


class Pseudonyms:
    """A pseudonym for each name, numbered by kind in the order of appearance."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def name(self, kind: str, text: str) -> str:
        """``object-3`` for an object; of hosts the port stays."""
        host, port = _split(text) if kind == "host" else (text, "")
        if host and host not in self.of:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self.of[host] = f"{kind}-{self._counts[kind]}"
        return self.of.get(host, "") + port

    def path(self, path: str, known: Sequence[str]) -> str:
        """Of an API path namespace and name; of others all but the known beginnings."""
        about = parse(path)
        if about.resource:
            names = {about.namespace: "namespace", about.name: "object"}
            parts = [self.name(names[p], p) if p and p in names else p for p in path.split("/")]
            return "/".join(parts)
        if path.split("/")[1:2] in (["api"], ["apis"], ["version"], ["openapi"]):
            return path
        if not path.strip("/") or any(_begins(pattern, path) for pattern in known):
            return path
        return f"/{self.name('path', path)}"

    def scrub(self, text: str, common: str) -> str:
        """A text without those names that the words in ``common`` don't have."""
        return self._pattern(common).sub(lambda match: self.of[match[0]], text)

    def left_in(self, text: str) -> list[str]:
        """Names that a text has as whole words, base64 apart."""
        plain = BASE64.sub("", text)
        return sorted(n for n in self.of if re.search(rf"(?<!\w){re.escape(n)}(?!\w)", plain))

    def _pattern(self, common: str) -> re.Pattern[str]:
        if self._made is None or self._made[0] is not common:
            found = [n for n in self.of if len(n) >= MIN_SCRUBBED and n not in common]
            found.sort(key=len, reverse=True)
            # Without names there is nothing to find: (?!) never matches.
            pattern = "|".join(map(re.escape, found)) if found else "(?!)"
            self._made = (common, re.compile(pattern))
        return self._made[1]

    _made: "tuple[str, re.Pattern[str]] | None" = None


class Redacted:
    """A capture whose texts have pseudonyms; ``names`` are these."""

    def __init__(self, capture: CaptureLike) -> None:
        self._capture = capture
        self.names = Pseudonyms()
        self.strings = dict(capture.strings)
        self.stacks, self.symbols = capture.stacks, capture.symbols
        self.complete = capture.complete
        self.log_notes: list[str] = []
        # Some are told by logs only: the replay takes these into the capture's strings.
        for reconcile in Analysis(capture).operations.reconciles:
            for kind, number in zip(("namespace", "object"), reconcile.key[1:], strict=True):
                self._rename(kind, number)
        self._rename_strings()
        self.metadata = self._described()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.log_files: Sequence[Path] = [self._copy(path) for path in capture.log_files]

    @property
    def losses(self) -> pd.DataFrame:
        """As the capture has them."""
        return self._capture.losses

    def records(self, name: str) -> np.ndarray:
        """As the capture has them: they hold hashes, no names."""
        return self._capture.records(name)

    def logs(self) -> Iterator[bytes]:
        """The logs that were followed, names replaced."""
        yield from map(self._in_log, self._capture.logs())

    def close(self) -> None:
        """Remove the copies of logs."""
        if self._folder is not None:
            self._folder.cleanup()

    def _rename(self, kind: str, number: int) -> None:
        text = self._capture.strings.get(number)
        if text:
            self.strings[number] = self.names.name(kind, text)

    def _rename_strings(self) -> None:
        known = [path for rule in load_rules().rules for path in rule.paths]
        for record in schema.RECORDS:
            fields = {field.name for field in record.fields}
            for field in fields & {*FIELDS, PATH}:
                for number in np.unique(self._capture.records(record.name)[field]).tolist():
                    text = self._capture.strings.get(number)
                    if text and field == PATH:
                        self.strings[number] = self.names.path(text, known)
                    elif text:
                        self._rename(FIELDS[field], number)

    def _described(self) -> dict[str, Any]:
        metadata = {name: self._capture.metadata.get(name) for name in KEPT}
        metadata = {name: value for name, value in metadata.items() if value is not None}
        sockets, hosts = metadata.get("sockets"), metadata.get("hosts")
        if isinstance(sockets, list):
            metadata["sockets"] = [
                {k: self.names.name("host", v) if isinstance(v, str) else v for k, v in row.items()}
                for row in sockets
                if isinstance(row, dict)
            ]
        if isinstance(hosts, list):
            metadata["hosts"] = [self.names.name("host", str(host)) for host in hosts]
        if str(metadata.get("name")) in self.names.of:
            metadata["name"] = self.names.of[str(metadata["name"])]
        return metadata

    @cached_property
    def _in_json(self) -> re.Pattern[bytes]:
        """Names as whole JSON strings, but for keys."""
        names = sorted((n for n in self.names.of if n), key=len, reverse=True)
        texts = b"|".join(re.escape(name.encode()) for name in names)
        return re.compile(b'"(' + texts + b')"(?!\\s*:)' if texts else b"(?!)")

    def _in_log(self, content: bytes) -> bytes:
        def pseudonym(match: re.Match[bytes]) -> bytes:
            return b'"' + self.names.of[match[1].decode()].encode() + b'"'

        return self._in_json.sub(pseudonym, content)

    def _copy(self, path: Path) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="whowoke-")
        number = len(list(Path(self._folder.name).iterdir()))
        copy = Path(self._folder.name) / f"{number}.json"
        with open_log(path) as file:
            copy.write_bytes(self._in_log(file.read()))
        return copy


def _begins(pattern: str, path: str) -> bool:
    """Whether a path is meant by a pattern of ``causes.toml``."""
    start = pattern.rstrip("*")
    return path.startswith(start) if start != pattern else f"{path}/".startswith(f"{start}/")


def _split(address: str) -> tuple[str, str]:
    """Host and ``:port``, which is empty where there is none."""
    host, colon, port = address.rpartition(":")
    return (host, colon + port) if colon and port.isdecimal() else (address, "")
