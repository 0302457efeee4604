"""A wheel built from the tree holds every file it needs and works outside of the tree."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

PACKAGES = ("analysis", "bpf", "tracer")
SUFFIXES = (".py", ".toml", ".zdict", ".c", ".h", ".css", ".tcss", ".js", ".j2")


@pytest.fixture(scope="module")
def wheel(tree, tmp_path_factory):
    """Built from a copy, so that nothing is left in the tree and nothing old gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in PACKAGES:
        shutil.copytree(tree / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in tree.iterdir():
        if file.is_file():
            shutil.copy(file, source)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder,
        source,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh virtual environment that has the wheel, and borrows the dependencies of ours."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, system_site_packages=True, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "--quiet"]
    subprocess.run(
        [*pip, "--disable-pip-version-check", "install", "--no-deps", "--no-index", wheel],
        check=True,
    )
    (own,) = folder.glob("lib/python*/site-packages")
    # A path file inside of a borrowed folder is not followed: the editable install stays away.
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def run(installed, *args):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [installed / "bin" / args[0], *args[1:]],
        capture_output=True, text=True, cwd=installed, env=environment,
    )  # fmt: skip


def test_the_wheel_has_exactly_the_files_of_the_tree(wheel, tree):
    expected = {
        f"whowoke/{path.relative_to(tree)}"
        for package in PACKAGES
        for path in (tree / package).rglob("*")
        if path.suffix in SUFFIXES
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_nothing_in_the_packages_is_left_out(tree):
    for package in PACKAGES:
        for path in (tree / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.suffix in SUFFIXES, f"{path}: add it to package-data in pyproject.toml"


def test_the_wheel_has_the_command_and_the_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        (meta,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        assert "whowoke = whowoke.tracer.__main__:main" in archive.read(entry).decode()
        assert "License-Expression: Apache-2.0" in archive.read(meta).decode()


def test_it_is_the_wheel_that_runs(installed):
    done = run(installed, "python", "-c", "import whowoke.tracer as t; print(t.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(installed), done.stdout + done.stderr


@pytest.mark.parametrize("args", [["--help"], ["schema"], ["--version"]], ids=" ".join)
def test_it_works_outside_of_the_tree(installed, args):
    done = run(installed, "whowoke", *args)
    assert (done.returncode, done.stderr) == (0, "")
    assert "whowoke" in done.stdout


def test_its_tables_are_found_outside_of_the_tree(installed):
    code = "from whowoke.tracer.plan import all_probes; print(len(all_probes()))"
    done = run(installed, "python", "-c", code)
    assert int(done.stdout) > 0, done.stderr
