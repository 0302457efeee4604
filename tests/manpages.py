"""The man pages, made from the parser of the command line: ``python -m tests.manpages``.

Writes docs/man: whowoke.1 and a page for each command. A test checks that they are current.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from tests.fixtures import ROOT
from whowoke.tracer.cli import app

FOLDER = ROOT / "docs" / "man"
# Their words are typer's, and change with its version.
COMPLETION = {
    "install_completion": "Complete captures, processes and causes in this shell from now on.",
    "show_completion": "Print what that would add to the shell's configuration.",
}
EXAMPLE = re.compile(r"^Example: (.+)$", re.MULTILINE)
EXIT_CODES = re.compile(r"^Exit codes: (.+)\.$", re.MULTILINE)


def pages() -> dict[str, str]:
    """The text of each page by its file's name."""
    group = get_command(app)
    commands: dict[str, Any] = group.commands  # type: ignore[attr-defined]
    made = {"whowoke.1": "\n".join(_overview(group, commands)) + "\n"}
    for name, command in commands.items():
        made[f"whowoke-{name}.1"] = "\n".join(_page(name, command, _exit_codes(group))) + "\n"
    return made


def main() -> None:
    """Write all pages, and take away those of commands that are gone."""
    made = pages()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.1"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text)
    sys.stdout.write(f"wrote {len(made)} pages to {FOLDER.relative_to(ROOT)}\n")


def _overview(group: Any, commands: dict[str, Any]) -> Iterator[str]:
    summary, *rest = _paragraphs(group.help)
    yield from _head("whowoke", summary)
    yield from (".SH SYNOPSIS", ".B whowoke", f"{_italic('COMMAND')} [{_italic('OPTION')}]...")
    yield from (".SH DESCRIPTION", _text(EXIT_CODES.sub("", " \n".join(rest))), ".SH COMMANDS")
    for name, command in sorted(commands.items()):
        about = _paragraphs(command.help)[0]
        yield from (".TP", f".BR whowoke\\-{_escaped(name)} (1)", _text(about))
    yield from _options(group)
    yield from _exit_status(_exit_codes(group))
    yield from (".SH SEE ALSO", _text("docs/tutorial.md and docs/README.md of the source."))


def _page(name: str, command: Any, codes: list[tuple[str, str]]) -> Iterator[str]:
    text = command.help
    summary, *rest = _paragraphs(EXAMPLE.sub("", text))
    yield from _head(f"whowoke-{name}", summary)
    yield from (".SH SYNOPSIS", f".B whowoke {_escaped(name)}", *_synopsis(command))
    yield from (".SH DESCRIPTION", _text(summary))
    for paragraph in rest:
        yield from (".PP", _text(paragraph))
    yield from _options(command)
    for example in EXAMPLE.findall(text):
        yield from (".SH EXAMPLE", ".nf", _escaped(example), ".fi")
    yield from _exit_status(codes)
    yield from (".SH SEE ALSO", ".BR whowoke (1)", ".br", _text(f"docs/{name}.md of the source."))


def _head(name: str, summary: str) -> Iterator[str]:
    yield f'.TH {_escaped(name.upper())} 1 "" "whowoke" "User Commands"'
    yield from (".SH NAME", f"{_escaped(name)} \\- {_text(summary).rstrip('.')}")


def _synopsis(command: Any) -> Iterator[str]:
    if any(parameter.param_type_name == "option" for parameter in command.params):
        yield f"[{_italic('OPTION')}]..."
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            name = _italic(_metavar(parameter).strip("[]"))
            yield name if parameter.required else f"[{name}]"
        elif parameter.required:
            yield f"{_bold(parameter.opts[0])} {_italic(_metavar(parameter))}"


def _options(command: Any) -> Iterator[str]:
    for kind, title in (("argument", "ARGUMENTS"), ("option", "OPTIONS")):
        shown = [
            one
            for one in command.params
            if one.param_type_name == kind and not getattr(one, "hidden", False)
        ]
        if shown:
            yield f".SH {title}"
        for one in shown:
            yield from (".TP", _term(one), _text(_help(one)))


def _term(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return _italic(_metavar(parameter).strip("[]"))
    names = ", ".join(_bold(name) for name in (*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else f"{names} {_italic(_metavar(parameter))}"


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _help(parameter: Any) -> str:
    default = parameter.default
    known = not (parameter.is_flag if hasattr(parameter, "is_flag") else True)
    said = f" Default: {default}." if known and default not in (None, "", 0) else ""
    return COMPLETION.get(parameter.name, str(parameter.help)) + said


def _exit_codes(group: Any) -> list[tuple[str, str]]:
    """Code and meaning, of the sentence in the help of the whole."""
    found = EXIT_CODES.search(group.help)
    return re.findall(r"(\d+) ([^,]+)", found[1]) if found else []


def _exit_status(codes: list[tuple[str, str]]) -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code, meaning in codes:
        yield from (".TP", _bold(code), _text(meaning))


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


def _text(text: str) -> str:
    """A paragraph: code between backticks is bold, and no line begins a request."""
    flat = " ".join(text.split())
    marked = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", _escaped(flat))
    return f"\\&{marked}" if marked.startswith((".", "'")) else marked


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in plain)


def _bold(text: str) -> str:
    return f"\\fB{_escaped(text)}\\fR"


def _italic(text: str) -> str:
    return f"\\fI{_escaped(text)}\\fR"


if __name__ == "__main__":
    main()
