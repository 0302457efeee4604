"""What the live verbs share: the one process that is meant, or a list of those that may be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from whowoke.analysis.cli import exclusive, tell
from whowoke.tracer.finding.arguments import selected

if TYPE_CHECKING:
    from whowoke.tracer.target import Target


@contextmanager
def candidates_told() -> Iterator[None]:
    """Who they are goes before the error that there are several."""
    from whowoke.tracer.finding.choosing import SeveralError

    try:
        yield
    except SeveralError as err:
        for row in err.rows:
            tell(row)
        raise


def the_one(
    pids: list[int] | None, pod: str | None, name: str | None, kubeconfig: Path | None
) -> "Target":
    """Open the one process that is meant."""
    from whowoke.tracer.finding.choosing import choose
    from whowoke.tracer.finding.search import Search

    exclusive(**{"-p PID": pids, "--pod NS/POD": pod, "--name GLOB": name})
    with candidates_told():
        return choose(Search(selected(pids, pod, None, name, kubeconfig=kubeconfig)))[0]
