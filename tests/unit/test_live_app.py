"""The live view on a terminal of 80 columns and 24 lines: panes, keys, filter, freeze."""

import asyncio
from contextlib import asynccontextmanager
from multiprocessing import Pipe

import pytest

from whowoke.tracer.live.analyst import Analyst, Hold, Job
from whowoke.tracer.live.app import HELP_LINE, LiveApp, Session
from whowoke.tracer.live.screens import HelpScreen, StoryScreen
from whowoke.tracer.live.upcoming import Due, Upcoming

SECOND = 10**9
SIZE = (80, 24)


class Stage:
    """A view with its analyst, in one process."""

    def __init__(self, path, **session):
        ours, self.theirs = Pipe()
        self.app = LiveApp(Session(ours, path.name, **session))
        self.asked = []
        self.analyst = Analyst(Job(path, 600 * SECOND), self.theirs.send)

    @property
    def screen(self):
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self):
        return "\n".join(self.screen)

    async def press(self, *keys):
        for key in keys:
            await self.pilot.press(key)
            await self.listen()

    async def until(self, text):
        for _ in range(500):
            await self.listen()
            if text in self.text:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{text!r} is not on the screen:\n{self.text}")

    async def listen(self):
        await self.pilot.pause()
        while self.theirs.poll():
            self.asked.append(self.theirs.recv())
            self.analyst.take(self.asked[-1])
        self.app._listen()
        await self.pilot.pause()


@pytest.fixture
def stage(tree):
    """``stage(play)``: plays on the capture of a requeue, or of what is given."""

    def run(play, name="requeue", size=SIZE, **session):
        @asynccontextmanager
        async def running():
            found = Stage(tree / "tests" / "golden" / f"{name}.whowoke", **session)
            async with found.app.run_test(size=size) as pilot:
                found.pilot = pilot
                found.analyst.step()
                await found.listen()
                yield found

        async def main():
            async with running() as found:
                await play(found)

        asyncio.run(main())

    return run


def test_everything_is_on_the_screen_and_fits(stage):
    async def play(found):
        screen = found.screen
        assert len(screen) == 24
        assert all(len(line) <= 80 for line in screen)
        assert screen[0].startswith("requeue (9419) go1.26.8; 16 s")
        assert screen[1].startswith("59 wake-ups, 0 lost; 1 unknown (1.7%); ")
        assert screen[2].startswith("cost of one CPU: probes ?, recorder ?, view ")
        assert screen[6].startswith("-60 s─")
        assert screen[6].endswith("now")
        assert screen[8].startswith("M>    120   500 ms")
        assert "requeue.after, greeting: " in found.text
        assert "         0  24 greeting: 24 requeued" in found.text
        assert "what fires next" in found.text
        assert screen[23] == HELP_LINE
        marks = "".join(screen[3:6])
        assert set(marks) - {" "} == set("RCM?+")

    stage(play)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
def test_other_sizes_do_no_harm(stage, size):
    async def play(found):
        await found.press("down", "enter", "escape", "question_mark", "escape", "slash", "r")
        assert all(len(line) <= size[0] for line in found.screen)

    stage(play, size=size)


def test_the_chosen_line_is_explained(stage):
    async def play(found):
        await found.press("down", "down")
        assert (
            "returned by Reconcile at whowoke.test/operators/requeue/controller.go:46" in found.text
        )
        assert "the operator asked to be called again" in found.text

    stage(play)


def test_a_filter_leaves_what_has_its_text(stage):
    async def play(found):
        await found.press("slash", *"requeue")
        assert "leader_election" not in found.text
        assert "requeue.after" in found.text
        assert set("".join(found.screen[3:6])) - {" "} == {"R"}
        assert "only “requeue”" in found.screen[0]
        await found.press("enter")
        assert found.app.focused.id == "causes"
        await found.press("escape")
        assert "leader_election" in found.text

    stage(play)


def test_a_wakeup_is_frozen_and_its_chain_read(stage):
    async def play(found):
        await found.press("down", "down", "enter")
        assert isinstance(found.app.screen, StoryScreen)
        assert found.asked[0] == Hold(wanted=True)
        await found.until("FROZEN: requeue.after, 7 of its last 7 wake-ups")
        await found.until("a timer: requeue.after (requeue), controller greeting")
        await found.press("left")
        await found.until("wake-up 50 of 59")
        assert "6 of its last 7" in found.screen[0]
        await found.press("escape")
        await found.until("per min")
        assert found.asked[-1] == Hold(wanted=False)
        assert not isinstance(found.app.screen, StoryScreen)

    stage(play)


def test_a_pause_lasts_over_a_chain_that_is_read(stage):
    async def play(found):
        await found.press("space")
        assert "PAUSED" in found.screen[0]
        await found.press("enter", "escape")
        assert found.asked.count(Hold(wanted=False)) == 0
        await found.press("space")
        assert found.asked[-1] == Hold(wanted=False)
        assert "PAUSED" not in found.screen[0]

    stage(play)


def test_the_strip_is_zoomed(stage):
    async def play(found):
        await found.press("plus")
        assert found.screen[6].startswith("-30 s")
        await found.press(*["plus"] * 9)
        assert found.screen[6].startswith("-15 s")
        await found.press(*["minus"] * 9)
        assert found.screen[6].startswith("-10m")

    stage(play)


def test_another_number_ranks(stage):
    async def play(found):
        assert "workqueue.metrics" in found.screen[8]
        await found.press("s")
        assert "requeue.after" in found.screen[8]

    stage(play)


def test_a_controller_leads_to_its_causes(stage):
    async def play(found):
        await found.press("tab")
        assert found.app.focused.id == "controllers"
        await found.press("down", "enter")
        assert found.app.filter_text == "cluster"
        assert "backup" not in "\n".join(found.screen[8:16])

    stage(play, name="poller")


def test_what_fires_next_counts_down(stage):
    async def play(found):
        end_ns = found.app.now_ns
        due = Due(end_ns + 3 * SECOND, 0, "client-go", "leader_election.renew", "", "renew")
        found.theirs.send(Upcoming([due]))
        await found.listen()
        found.app._redraw()
        await found.pilot.pause()
        assert "C    3 s leader_election" in found.text
        found.theirs.send(Upcoming([], "the process has ended"))
        await found.listen()
        found.app._redraw()
        await found.pilot.pause()
        assert "the process has ended" in found.text

    stage(play)


def test_letters_and_keys_are_explained_on_one_screen(stage):
    async def play(found):
        await found.press("question_mark")
        assert isinstance(found.app.screen, HelpScreen)
        assert "R requeue" in found.text
        assert "q ctrl+c quit: probes are taken off" in found.text

    stage(play)


def test_keeping_is_a_wish_for_the_end(stage):
    async def play(found):
        await found.press("w")
        assert found.app.is_kept
        await found.press("w")
        assert not found.app.is_kept

    stage(play, keep_as="op-1.whowoke")


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
@pytest.mark.parametrize("before", [(), ("enter",), ("slash",), ("question_mark",)])
def test_it_ends_from_everywhere(stage, key, before):
    async def play(found):
        await found.press(*before)
        await found.pilot.press(key)
        await found.pilot.pause()
        assert found.app._exit or before == ("slash",)

    if (key, before) == ("q", ("slash",)):
        return
    stage(play)


def test_an_analysis_that_ended_is_told(stage):
    async def play(found):
        found.theirs.close()
        found.app._listen()
        found.app._redraw()
        await found.pilot.pause()
        assert "the analysis has ended" in found.screen[0]
        assert "requeue.after" in found.text

    stage(play)
