"""The guests' table, the boxes that the Vagrantfile asks for, and the page of supported kernels."""

import json
from pathlib import Path

from tests.vm import boxes, page


def test_every_guest_has_a_pinned_box_of_the_vagrantfile() -> None:
    machines = {"bookworm": "debian/bookworm64", "trixie": "debian/trixie64"}
    for guest in boxes.guests().values():
        assert guest.box == machines[guest.machine], guest.name
        assert guest.version.count(".") == 2, guest.name


def test_another_recipe_is_another_box() -> None:
    names = {guest.path.name for guest in boxes.guests().values()}
    assert len(names) == len(boxes.guests())


def test_a_lean_box_has_nothing_of_what_is_provisioned() -> None:
    lean = boxes.guests()["bookworm-lean"]
    script = (Path(boxes.HERE) / "provision.sh").read_text()
    (wanted,) = (line for line in script.splitlines() if line.startswith("for package in "))
    installed = set(wanted.removeprefix("for package in ").removesuffix("; do").split())
    assert installed & set(lean.packages) == {"ca-certificates"}
    assert installed <= set(boxes.guests()["bookworm"].packages)


def test_the_page_is_made_of_what_ran() -> None:
    assert page.page(json.loads(page.RAN.read_text())) == page.PAGE.read_text()


def test_counts_of_a_junit_file(tmp_path: Path) -> None:
    path = tmp_path / "tests.xml"
    assert page.told(path) == "not run"
    path.write_text(
        '<testsuites><testsuite tests="13" failures="1" errors="1" skipped="0"/></testsuites>'
    )
    assert page.told(path) == "11 passed, 2 failed"
