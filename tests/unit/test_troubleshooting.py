"""Every check of the doctor has its section in docs/troubleshooting.md, and no other has one."""

import ast
import re


def names_of_checks(tree):
    """The first argument of each ``Check(…)`` in the source."""
    calls = [
        node
        for name in ("doctor.py", "settings.py")
        for node in ast.walk(ast.parse((tree / "tracer" / name).read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Check"
    ]
    return {call.args[0].value for call in calls}


def test_every_check_has_its_section(tree):
    page = (tree / "docs" / "troubleshooting.md").read_text()
    sections = re.findall(r"^### `(.+)`$", page, re.MULTILINE)
    assert sorted(sections) == sorted(names_of_checks(tree))
    assert len(sections) > 10


def test_links_to_sections_lead_somewhere(tree):
    pages = [tree / "README.md", *(tree / "docs").glob("*.md")]
    for page in pages:
        for link, part in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            target = (page.parent / link) if link else page
            heads = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert part in anchors, f"{page.name}: {link}#{part}"
