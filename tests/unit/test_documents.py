"""What the documents promise: every module has its place, every command its page."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from whowoke.tracer.cli import app

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("folder", ["analysis", "bpf", "tracer"])
def test_architecture_names_every_file(tree: Path, folder: str) -> None:
    text = (tree / "ARCHITECTURE.md").read_text()
    paths = [
        path for path in (tree / folder).rglob("*") if path.suffix in (".py", ".toml", ".c", ".h")
    ]
    names = {path.name for path in paths if "include" not in path.parts} - {"__init__.py"}
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_and_a_row_in_the_readme(tree: Path, command: str) -> None:
    assert (tree / "docs" / f"{command}.md").exists()
    assert f"[`whowoke {command}`](docs/{command}.md)" in (tree / "README.md").read_text()


def test_links_lead_somewhere(tree: Path) -> None:
    for page in (tree / "README.md", tree / "ARCHITECTURE.md", *(tree / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
