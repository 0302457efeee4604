"""What all tests share: the tree, and what a test that needs root does without it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine isn't a mistake in a test.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def tree() -> Path:
    """The folder with pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def whowoke() -> Sequence[str]:
    """How to start the command of this tree."""
    return (sys.executable, "-m", "whowoke.tracer")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked ``root`` without root, or fail it where WHOWOKE_NEED_ROOT is set."""
    if item.get_closest_marker("root") is None or os.geteuid() == 0:
        return
    if os.environ.get("WHOWOKE_NEED_ROOT"):
        pytest.fail("needs root, and WHOWOKE_NEED_ROOT is set")
    pytest.skip("needs root")
