"""The picture in the documents is of today's page.

WHOWOKE_UPDATE_DOCS=1 takes it anew where the page looks different: look at it before you commit it.
"""

import os
import re

import pytest

from tests.browser import picture


@pytest.fixture(scope="module")
def text():
    return picture.text()


def test_the_picture_is_of_todays_page(text, request, tmp_path):
    now = picture.look(text)
    if os.environ.get("WHOWOKE_UPDATE_DOCS") and picture.LOOK.read_text() != f"{now}\n":
        page = tmp_path / "page.html"
        page.write_text(text)
        picture.take(request.getfixturevalue("browser"), page)
        picture.LOOK.write_text(f"{now}\n")
    assert picture.LOOK.read_text() == f"{now}\n", "run this test with WHOWOKE_UPDATE_DOCS=1"


def test_what_is_seen_counts_and_the_tables_do_not(text):
    now = picture.look(text)
    assert picture.look(text.replace("Every wake-up", "Each wake-up")) != now
    assert picture.look(re.sub(r"--ink: *#\w+", "--ink: #123456", text)) != now
    assert picture.look(text.replace('"duration_ns":', '"duration_ns": ')) == now
    assert len(picture.VOLATILE.findall(text)) == 4
