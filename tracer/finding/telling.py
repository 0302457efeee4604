"""What the live verbs share: the one process that is meant, or a list of those that may be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from whowoke.analysis.cli import exclusive, tell
from whowoke.tracer.finding.arguments import given, selected

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
    pid: int | None,
    pod: str | None,
    selector: str | None,
    name: str | None,
    namespace: str = "",
    container: str = "",
    kubeconfig: Path | None = None,
) -> "Target":
    """Open the one process that is meant; who may be meant is told where several are."""
    from whowoke.tracer.finding.choosing import choose
    from whowoke.tracer.finding.search import Search

    pids = [pid] if pid else None
    exclusive(**given(pids, pod, selector, name))
    selection = selected(pids, pod, selector, name, namespace, container, kubeconfig=kubeconfig)
    with candidates_told():
        return choose(Search(selection), at_most=1)[0]
