"""The text that every match of a regular expression contains, to find candidates quickly."""

import re

_TOKEN = re.compile(
    r"\\(?P<escaped>[^\w\s])|(?P<plain>[\w/ \-]|[^\x00-\x7f])|\[\^?\]?(?:\\.|[^\]\\])*\]|\\?."
    r"|\{[\d,]*\}",
    re.DOTALL,
)
_FLAGS = re.compile(r"\(\?[aiLmsux]")


def alternatives(pattern: str) -> list[str]:
    """What is between the ``|`` that are in no group; together they match what the pattern does."""
    if _FLAGS.search(pattern):
        return [pattern]
    parts, depth, start = list[str](), 0, 0
    for token in _TOKEN.finditer(pattern):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token[0] == "|" and not depth:
            parts.append(pattern[start : token.start()])
            start = token.end()
    return [*parts, pattern[start:]]


def required_text(pattern: str) -> str:
    """The longest text that each match has in it; "" where none is plain to see.

    Groups, classes and escapes with a letter count as anything; what may be absent isn't counted.
    """
    if _FLAGS.search(pattern):
        return ""
    runs, depth = [""], 0
    for token in _TOKEN.finditer(pattern):
        text = token["escaped"] or token["plain"]
        if token[0] == "(":
            depth += 1
        elif token[0] == ")":
            depth -= 1
        elif token[0] == "|" and not depth:
            return ""
        elif text and not depth:
            runs[-1] += text
            continue
        if token[0] in ("*", "?") or token[0].startswith("{"):
            runs[-1] = runs[-1][:-1]
        runs.append("")
    return max(runs, key=len)
