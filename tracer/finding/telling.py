"""What the verbs share that look at one process: which one is meant."""

from pathlib import Path
from typing import TYPE_CHECKING

from whowoke.analysis.cli import exclusive
from whowoke.tracer.finding.arguments import given, selected

if TYPE_CHECKING:
    from whowoke.tracer.target import Target


def the_one(
    pid: int | None,
    pod: str | None,
    selector: str | None,
    name: str | None,
    namespace: str = "",
    container: str = "",
    kubeconfig: Path | None = None,
) -> "Target":
    """Open the one process that is meant; SeveralError where several are."""
    from whowoke.tracer.finding.choosing import choose
    from whowoke.tracer.finding.search import Search

    pids = [pid] if pid else None
    exclusive(**given(pids, pod, selector, name))
    selection = selected(pids, pod, selector, name, namespace, container, kubeconfig=kubeconfig)
    return choose(Search(selection), at_most=1)[0]
