"""The options that say which processes are meant; the same for every live verb.

Verbs that look at one process have ``Pid`` for ``Pids``, and neither ``Everything`` nor ``Follow``.
"""

from pathlib import Path
from typing import Annotated

import typer

from whowoke.analysis.errors import UsageError
from whowoke.tracer import completion
from whowoke.tracer.finding.names import checked
from whowoke.tracer.finding.selection import PodName, Selection, parse_labels

PANEL = "Which process"

Pid = Annotated[
    int | None,
    typer.Option(
        "-p", "--pid", min=1, metavar="PID", help="The running process.",
        rich_help_panel=PANEL, autocompletion=completion.pids,
    ),
]  # fmt: skip
Pids = Annotated[
    list[int] | None,
    typer.Option(
        "-p", "--pid", min=1, metavar="PID", help="A running process; repeatable.",
        rich_help_panel=PANEL, autocompletion=completion.pids,
    ),
]  # fmt: skip
Pod = Annotated[
    str | None,
    typer.Option(
        metavar="NS/POD[/CONTAINER]", help="The Go program of a pod on this machine.",
        rich_help_panel=PANEL,
    ),
]  # fmt: skip
Selector = Annotated[
    str | None,
    typer.Option(
        metavar="K=V,…", help="Go programs of pods on this machine with these labels.",
        rich_help_panel=PANEL,
    ),
]  # fmt: skip
Name = Annotated[
    str | None,
    typer.Option(
        metavar="GLOB", help="The process of this name, or one that fits it: 'op*'.",
        rich_help_panel=PANEL, autocompletion=completion.names,
    ),
]  # fmt: skip
Namespace = Annotated[
    str,
    typer.Option("-n", "--namespace", metavar="NS", help="Of --selector.", rich_help_panel=PANEL),
]
Container = Annotated[
    str,
    typer.Option(
        "-c", "--container", metavar="NAME", help="Of --pod or --selector.", rich_help_panel=PANEL
    ),
]
Everything = Annotated[
    bool,
    typer.Option(
        "--all", help="All that --pod or --name fit, not the only one.", rich_help_panel=PANEL
    ),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The cluster to ask for pods; $KUBECONFIG by default.",
        rich_help_panel=PANEL,
    ),
]  # fmt: skip
Follow = Annotated[
    bool | None,
    typer.Option(
        "--follow/--no-follow", show_default=False, rich_help_panel=PANEL,
        help="Record what comes after a process that ends; by default unless -p names it.",
    ),
]  # fmt: skip


def given(
    pids: list[int] | None, pod: str | None, selector: str | None, name: str | None
) -> dict[str, object]:
    """The options by name, for the check that exactly one was given."""
    return {"-p PID": pids, "--pod NS/POD": pod, "--selector K=V": selector, "--name GLOB": name}


def selected(
    pids: list[int] | None,
    pod: str | None,
    selector: str | None,
    name: str | None,
    namespace: str = "",
    container: str = "",
    everything: bool = False,
    kubeconfig: Path | None = None,
) -> Selection:
    """What the options mean; UsageError where they don't fit together."""
    if namespace and not selector:
        raise UsageError("--namespace belongs to --selector", "a pod is named as NAMESPACE/POD")
    if container and not (selector or pod):
        raise UsageError("--container belongs to --pod or --selector", "leave it out")
    if container and not checked("container", container):
        raise UsageError(f"{container!r} names no container", "give its name in the pod")
    return Selection(
        pids=tuple(pids or ()),
        pod=PodName.parse(f"{pod}/{container}" if container else pod) if pod else None,
        labels=parse_labels(selector) if selector else (),
        namespace=namespace,
        container=container if selector else "",
        name=name or "",
        everything=everything,
        kubeconfig=kubeconfig,
    )
