"""What the documents promise: every module has its place, every command its page."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

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


def test_every_page_is_in_the_index(tree: Path) -> None:
    index = (tree / "docs" / "README.md").read_text()
    pages = {path.name for path in (tree / "docs").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page})" not in index} == set()


def test_pictures_are_small_and_readable_in_light_and_dark(tree: Path) -> None:
    page = (tree / "docs" / "how-it-works.md").read_text()
    pictures = sorted((tree / "docs" / "pictures").glob("*.svg"))
    assert len(pictures) == page.count("](pictures/")
    for picture in pictures:
        root = ET.parse(picture).getroot()
        assert int(root.attrib["width"]) <= 800
        assert "prefers-color-scheme: dark" in picture.read_text()
        assert picture.stat().st_size < 6000, picture.name
