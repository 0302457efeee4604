"""What is kept for the next start: by us alone, whole, or not at all."""

import os
from pathlib import Path

import pytest

from whowoke.tracer import cache
from whowoke.tracer.privileges import BPF

NAME = "a" * 64


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_what_is_written_is_read(folder: Path) -> None:
    assert cache.read(NAME) is None
    cache.write(NAME, b"content")
    assert cache.read(NAME) == b"content"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [NAME]


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_not_read(folder: Path, mode: int) -> None:
    cache.write(NAME, b"content")
    (folder / NAME).chmod(mode)
    assert cache.read(NAME) is None
    cache.write(NAME, b"content")
    assert cache.read(NAME) == b"content"


def test_a_folder_that_others_may_write_is_not_used(folder: Path) -> None:
    cache.write(NAME, b"content")
    folder.chmod(0o777)
    assert cache.read(NAME) is None
    cache.write("b" * 64, b"more")
    assert [path.name for path in folder.iterdir()] == [NAME]


@pytest.mark.root
def test_another_users_file_is_not_read(folder: Path) -> None:
    cache.write(NAME, b"content")
    os.chown(folder / NAME, 1234, 1234)
    assert cache.read(NAME) is None
    os.chown(folder / NAME, 0, 0)
    os.chown(folder, 1234, 1234)
    assert cache.read(NAME) is None


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    cache.write(NAME, b"content")
    (folder / NAME).rename(tmp_path / "elsewhere")
    (folder / NAME).symlink_to(tmp_path / "elsewhere")
    assert cache.read(NAME) is None
    cache.write(NAME, b"new")
    assert cache.read(NAME) == b"new"
    assert (tmp_path / "elsewhere").read_bytes().endswith(b"content")


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 100])
def test_a_damaged_file_is_none(folder: Path, damage: bytes) -> None:
    cache.write(NAME, b"content")
    (folder / NAME).write_bytes(damage)
    assert cache.read(NAME) is None


def test_a_changed_byte_is_noticed(folder: Path) -> None:
    cache.write(NAME, b"content")
    data = bytearray((folder / NAME).read_bytes())
    data[-1] ^= 1
    (folder / NAME).write_bytes(data)
    assert cache.read(NAME) is None


def test_old_files_go(folder: Path) -> None:
    for number in range(cache.MAX_FILES + 3):
        cache.write(f"{number:064}", b"content")
        os.utime(folder / f"{number:064}", (number, number))
    cache.write(NAME, b"content")
    assert len(list(folder.iterdir())) == cache.MAX_FILES
    assert cache.read(NAME) == b"content"
    assert cache.read(f"{0:064}") is None


def test_without_a_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.FOLDER, "")
    cache.write(NAME, b"content")
    assert cache.read(NAME) is None


def test_roots_folder_is_not_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cache.FOLDER)
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/somebody/.cache")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert cache.folder() == Path("/var/cache/whowoke")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(cache, "effective", lambda: 0)
    assert cache.folder() == Path("/home/somebody/.cache/whowoke")


def test_who_may_load_bpf_without_being_root_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others of his processes may not load it, and could write what he loads."""
    cache.write(NAME, b"content")
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(os.environ[cache.FOLDER]).st_uid or 1000)
    monkeypatch.setattr(cache, "effective", lambda: 1 << BPF.bit)
    assert cache.folder() is None
    assert cache.read(NAME) is None


def test_keys_depend_on_every_part() -> None:
    keys = {cache.key("a", "b"), cache.key("ab", ""), cache.key("a", b"c"), cache.key("a")}
    assert len(keys) == 4
    assert cache.key("a", "b") == cache.key("a", b"b")
