"""The targets of the fuzzer on what it found before, and on a few inputs of hypothesis."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import FOLDER
from tests.fuzz.limits import limited
from tests.fuzz.targets import TARGETS

CORPUS = sorted(path for path in (FOLDER / "corpus").glob("*/*") if path.is_file())
# Runs of the analysis take a third of a second.
EXAMPLES = {"analysis": 15, "capture": 100}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_is_mended(path):
    with limited():
        TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name):
    @settings(
        max_examples=EXAMPLES.get(name, 200),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=256))
    def run(data):
        with limited():
            TARGETS[name](data)

    run()


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_change_nothing(name):
    """The input that the others are made of is a sound one: else they would reach little."""
    TARGETS[name](b"")
