"""Lines of source: those that a location names, and no file outside of the folders given."""

import pytest

from tests.unit.commands import invoke, is_two_lines
from whowoke.analysis.errors import UsageError
from whowoke.analysis.page.sources import AROUND, Sources

TEXT = "\n".join(f"line {number}" for number in range(1, 41))


@pytest.fixture
def folder(tmp_path):
    for path in (
        "main.go",
        "pkg/store.go",
        "vendor/k8s.io/client-go/tools/cache/reflector.go",
        "github.com/!azure/sdk@v1.2.0/Poll.go",
    ):
        (tmp_path / "module" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "module" / path).write_text(TEXT)
    (tmp_path / "secret.go").write_text("secret")
    return tmp_path / "module"


@pytest.mark.parametrize(
    "file",
    [
        "example.com/op/main.go",
        "example.com/op/pkg/store.go",
        "example.com/op@v1.0.0/pkg/store.go",
        "k8s.io/client-go@v0.36.0/tools/cache/reflector.go",
        "github.com/Azure/sdk@v1.2.0/Poll.go",
    ],
)
def test_a_file_is_found_by_its_module(folder, file):
    location = f"{file}:20"
    found = Sources([folder], "example.com/op").around([location])[location]
    assert (found["first"], found["line"]) == (20 - AROUND, 20)
    assert found["lines"] == [f"line {n}" for n in range(20 - AROUND, 21 + AROUND)]


def test_the_files_own_path_counts_inside_of_the_folder(folder):
    location = f"{folder}/main.go:1"
    assert Sources([folder], "").around([location])[location]["lines"][0] == "line 1"


@pytest.mark.parametrize(
    "location",
    [
        "main.go:0",
        "main.go:41",
        "main.go:x",
        "main.go",
        "../secret.go:1",
        "example.com/op/../../secret.go:1",
        "/etc/hosts:1",
        "link.go:1",
        "folder.go:1",
        "fifo.go:1",
        "main.go\x00:1",
        "elsewhere.com/main.go:3",
    ],
)
def test_anything_else_is_not(folder, location):
    (folder / "link.go").symlink_to(folder.parent / "secret.go")
    (folder / "folder.go").mkdir()
    __import__("os").mkfifo(folder / "fifo.go")
    assert Sources([folder], "example.com/op").around([location]) == {}


def test_a_folder_that_is_none_is_refused(folder):
    with pytest.raises(UsageError):
        Sources([folder / "main.go"], "")


def test_the_command_shows_the_lines(tree, tmp_path):
    capture = tree / "tests" / "golden" / "requeue.whowoke"
    page = tmp_path / "page.html"
    operators = tree / "tests" / "operators"
    assert invoke("report", capture, "-o", page, "--source-path", operators).exit_code == 0
    line = (operators / "requeue" / "controller.go").read_text().splitlines()[45].strip()
    assert line.split(" //")[0] in page.read_text()
    done = invoke("report", capture, "-o", page, "--force", "--source-path", capture)
    assert done.exit_code == 2
    assert is_two_lines(done.stderr)
