"""Errors that a user sees: two lines, what failed and what to do, and an exit code."""

from collections.abc import Sequence


class WhowokeError(Exception):
    """Something failed. ``exit_code`` 1; ``rows`` are lines to be told before it."""

    exit_code = 1
    rows: Sequence[str] = ()

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(WhowokeError):
    """The command was called in a way that cannot work. ``exit_code`` 2."""

    exit_code = 2


class PermissionDeniedError(WhowokeError):
    """The kernel or the file system refuses this user. ``exit_code`` 3."""

    exit_code = 3


class UnsupportedError(WhowokeError):
    """This target, kernel or file is of a kind that is not supported. ``exit_code`` 3."""

    exit_code = 3


class DataIncompleteError(WhowokeError):
    """The data is there only in part. ``exit_code`` 4."""

    exit_code = 4
