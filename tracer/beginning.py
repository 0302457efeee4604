"""What comes before a recording, so that privileges can be given up in it."""

import os

NUMPY_THREADS = "OPENBLAS_NUM_THREADS"


def import_numpy() -> None:
    """Without the threads that it starts: capabilities are given up by one thread for itself."""
    before = os.environ.get(NUMPY_THREADS)
    os.environ[NUMPY_THREADS] = "1"
    import numpy  # noqa: F401, ICN001

    del os.environ[NUMPY_THREADS]
    if before is not None:
        os.environ[NUMPY_THREADS] = before


def give_to_caller(folder: str) -> None:
    """Let the user who called sudo own a folder, as the captures in it."""
    import_numpy()
    from whowoke.analysis.capture.writer import sudo_owner

    if owner := sudo_owner():
        os.chown(folder, *owner)
