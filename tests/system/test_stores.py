"""Stores of client-go with objects of all sorts and lists of all lengths."""

import subprocess

from tests import facts, fixtures
from tests.facts import Fact, Noted
from tests.system.conftest import Recorder

MAX_VERSIONS, MAX_POINTERS, MAX_VERSION_BYTES = 1024, 4096, 32
TYPED = ("*v1.ConfigMap", "*v1.PartialObjectMetadata")


def versions_known(fact: Fact) -> bool:
    """Whether all of a list's versions can be read: of typed objects of one type."""
    lengths = [len(version) for version in fact.versions]
    typed = not fact.type or fact.type in TYPED
    return (
        typed
        and len(lengths) <= MAX_VERSIONS
        and all(0 < length <= MAX_VERSION_BYTES for length in lengths)
    )


def expected(fact: Fact) -> dict[str, object]:
    typed = fact.type in TYPED
    version = fact.versions[0] if typed and not fact.list else ""
    versions = facts.versions_sum(fact.versions) if fact.list and versions_known(fact) else 0
    if not fact.list:
        pointers = facts.mixed(fact.pointers[0]) if fact.pointers else 0
    else:
        pointers = facts.pointers_sum(fact.pointers) if len(fact.pointers) <= MAX_POINTERS else 0
    return {
        "kind": "",
        "object_type": fact.type,
        "namespace": fact.namespace,
        "object_name": fact.name,
        "is_list": int(fact.list),
        "objects": len(fact.pointers),
        "resource_version": version[:255],
        "versions": versions,
        "pointers": pointers,
    }


def test_each_read_of_a_store_is_recorded_as_it_was(record: Recorder, tmp_path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        program = subprocess.Popen(
            [fixtures.program_path("stores")], stdin=subprocess.PIPE, stdout=output
        )
    assert program.stdin is not None
    try:
        fixtures.wait_until(lambda: "ready" in log.read_text(), 10, "stores", program)
        with record(program.pid) as recording:
            program.stdin.write(b"\n")
            program.stdin.flush()
            fixtures.wait_until(lambda: " end {" in log.read_text(), 60, "stores", program)
    finally:
        program.stdin.close()
        program.wait(10)
    recording.assert_nothing_lost()
    noted = Noted(recording.capture, log)
    rows = noted.rows("cache_read")
    seen = [
        facts.read_of(recording.capture, row) | {"pointers": int(row["pointers"])} for row in rows
    ]
    wanted = [expected(fact) for fact in noted.facts("cache")]
    assert len(seen) == len(wanted) > 100
    for is_now, should_be in zip(seen, wanted, strict=True):
        assert is_now == should_be
