"""The page of all causes, made from the rules: ``python -m whowoke.analysis.rules.catalogue``."""

import sys
from collections.abc import Iterator

from whowoke.analysis.rules.causes import Rule, Rules, load_rules

ORIGINS = {
    "requeue": "Reconcile asked for it",
    "operator": "the operator's own code",
    "client-go": "the Kubernetes client library",
    "controller-runtime": "the controller library",
    "api-event": "the API server sent something on a watch",
    "library": "another library that the operator links",
    "inbound": "somebody outside opened a connection or sent a request",
    "outbound": "the other side of a connection that the process opened",
    "runtime": "the Go runtime",
    "os": "the kernel or another process",
}
KINDS = {
    "timer": "a timer",
    "descriptor": "a descriptor",
    "gc": "a forced collection",
    "signal": "a signal",
    "queue": "an add to a work queue",
    "watch": "the decoder of a watch stream",
    "request": "a served request",
    "answer": "an answer whose request was not seen",
}


def as_markdown(rules: Rules | None = None) -> str:
    """Every cause by origin: what it is, how to turn it off, and what it is recognised by."""
    lines = [
        "# Causes",
        "",
        "Why a process wakes, as `whowoke explain` names it. This page is made from the rules in",
        "`analysis/rules/causes.toml`; the first rule that fits decides. A function stands for its",
        "closures, too, but with `$`; `*` is anything. What no rule fits is `unknown`.",
        "",
        "An answer to the process's own request has the cause of the goroutine that asked, with",
        "`continuation_of`. A timer about which nothing else is known has the cause of the",
        "goroutine that set it.",
    ]
    table = (rules or load_rules()).rules
    for origin, meaning in ORIGINS.items():
        own = [rule for rule in table if rule.origin == origin]
        lines += ["", f"## `{origin}`: {meaning}"]
        for cause in dict.fromkeys(rule.cause for rule in own):
            lines += ["", f"### `{cause}`", ""]
            lines += _cause([rule for rule in own if rule.cause == cause])
    return "\n".join(lines)


def _cause(rules: list[Rule]) -> Iterator[str]:
    said = ""
    for rule in rules:
        text = f"{_sentence(rule.explanation)}\nTo change it: {rule.advice}."
        if text != said:
            yield from ([""] if said else [])
            yield from [*text.split("\n"), ""]
            said = text
        yield f"- {_sign(rule)} ({rule.versions})"


def _sign(rule: Rule) -> str:
    """What a rule looks at."""
    names = [*rule.callback, *rule.frames]
    parts = [KINDS[rule.kind]]
    parts += [f"`{rule.event}`"] if rule.event else []
    parts += ["of somebody else's connection"] if rule.inbound else []
    parts += [f"every {rule.period_ns / 10**9:g} s"] if rule.period_ns else []
    parts += ["that comes back by itself"] if rule.ticker else []
    parts += [f"in code of the {rule.owner}"] if rule.owner else []
    parts += [f"of {', '.join(f'`{path}`' for path in rule.paths)}"] if rule.paths else []
    sign = " ".join(parts)
    return f"{sign}: {', '.join(f'`{name}`' for name in names)}" if names else sign


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


if __name__ == "__main__":
    sys.stdout.write(as_markdown() + "\n")
