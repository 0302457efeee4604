"""The timeline for Perfetto: decoded, and loaded into Perfetto's own query engine."""

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos

from tests.unit.perfetto_engine import ask
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.errors import UsageError
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.export import export
from whowoke.analysis.output.exporter import Source
from whowoke.analysis.output.outputs import tables
from whowoke.analysis.window import EVERYTHING, Limits

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
NAMES = ("requeue", "resync", "ticker", "poller")
KINDS = protos.TrackEvent
TEXTS = ("event_names", "debug_annotation_names", "debug_annotation_string_values")


class Decoded:
    """A trace put together again: tracks by uuid, events in the order of the file."""

    def __init__(self, data):
        self.packets = protos.Trace.FromString(data).packet
        self.tracks, self.events = {}, []
        texts = {name: {} for name in TEXTS}
        for packet in self.packets:
            for name in TEXTS:
                for entry in getattr(packet.interned_data, name):
                    assert entry.iid not in texts[name]
                    texts[name][entry.iid] = (
                        entry.str.decode() if hasattr(entry, "str") else entry.name
                    )
            if packet.HasField("track_descriptor"):
                assert packet.track_descriptor.uuid not in self.tracks
                self.tracks[packet.track_descriptor.uuid] = packet.track_descriptor
            if packet.HasField("track_event"):
                assert packet.track_event.track_uuid in self.tracks
                self.events.append(
                    (packet.timestamp, packet.track_event, self._name(packet, texts))
                )

    @staticmethod
    def _name(packet, texts):
        event = packet.track_event
        return texts["event_names"][event.name_iid] if event.name_iid else ""

    def path(self, uuid):
        track = self.tracks[uuid]
        name = track.name or track.thread.thread_name
        return (*self.path(track.parent_uuid), name) if track.parent_uuid else (name,)

    def count(self, group, kind):
        return sum(
            event.type == kind and self.path(event.track_uuid)[2:3] == (group,)
            for _, event, _ in self.events
        )

    def on_threads(self, kind):
        return sum(
            event.type == kind and self.tracks[event.track_uuid].HasField("thread")
            for _, event, _ in self.events
        )


def traced(name, folder, limits=EVERYTHING):
    analysis = Analysis(Capture.open(GOLDEN / f"{name}.whowoke"), limits)
    found = tables(analysis)
    (path,) = export(Source(found, analysis), "perfetto", folder / "trace")
    return path.read_bytes(), found, analysis


@pytest.mark.parametrize("limits", [EVERYTHING, Limits.parse("4s", "11s")], ids=["all", "part"])
@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_its_event(name, limits, tmp_path):
    data, found, analysis = traced(name, tmp_path, limits)
    trace = Decoded(data)
    assert trace.count("wake-ups", KINDS.TYPE_INSTANT) == len(found["wakeups"]) > 0
    assert trace.count("queues", KINDS.TYPE_INSTANT) == len(found["queue"]) > 0
    for group in ("reconciles", "requests"):
        assert trace.count(group, KINDS.TYPE_SLICE_BEGIN) == len(found[group])
        assert trace.count(group, KINDS.TYPE_SLICE_END) == len(found[group])
    assert trace.on_threads(KINDS.TYPE_INSTANT) == len(found["thread_wakeups"]) > 0
    stays = analysis.window.holds(analysis.threads.on_start).sum()
    assert trace.on_threads(KINDS.TYPE_SLICE_BEGIN) == stays > 0
    awake = Counter(
        text for _, event, text in trace.events if trace.path(event.track_uuid)[2:] == ("process",)
    )
    assert awake["awake"] == len(found["episodes"]) > 0
    made = sum(
        int(analysis.window.holds(analysis.capture.records(record)["ts_ns"].astype("int64")).sum())
        for record in ("goroutine_ready", "goroutine_new")
    )
    released = (found["wakeups"]["kind"] == "descriptor") & found["wakeups"]["goroutine_id"].notna()
    assert trace.count("goroutines", KINDS.TYPE_INSTANT) == made + released.sum()


@pytest.mark.parametrize("name", NAMES)
def test_slices_nest_and_arrows_have_two_ends(name, tmp_path):
    data, found, analysis = traced(name, tmp_path)
    opened, last, begins, ends = defaultdict(list), {}, Counter(), Counter()
    for ts, event, _ in Decoded(data).events:
        track = event.track_uuid
        if event.type == KINDS.TYPE_SLICE_BEGIN:
            assert not opened[track], "slices of one track overlap"
            assert ts >= last.get(track, 0)
            opened[track].append(ts)
        elif event.type == KINDS.TYPE_SLICE_END:
            assert ts >= opened[track].pop()
            last[track] = ts
        begins.update(event.flow_ids)
        ends.update(event.terminating_flow_ids)
    assert not any(opened.values())
    assert begins == ends
    assert set(begins.values()) == {1}
    assert len(begins) == sum(map(len, analysis.led_to.values())) >= len(found["reconciles"]) // 2


def test_an_arrow_leads_from_the_timer_to_the_reconcile_it_led_to(tmp_path):
    data, found, _ = traced("ticker", tmp_path)
    leading = {}
    for _, event, text in Decoded(data).events:
        for flow in event.flow_ids:
            leading[flow] = text
    assert set(leading.values()) == {"operator.ticker"}
    assert len(leading) == (found["reconciles"]["causes"] == "operator.ticker").sum()


def test_what_overlaps_goes_to_another_lane():
    from whowoke.analysis.output.perfetto import _laned

    rows = [
        {"start_ns": start, "end_ns": end}
        for start, end in ((0, 9), (1, 3), (2, 5), (3, 4), (9, 9))
    ]
    assert [lane for lane, _ in _laned(rows)] == [0, 1, 2, 1, 0]


def test_losses_and_unfinished_reconciles_are_told(tmp_path):
    _, found, analysis = traced("requeue", tmp_path)
    frames = dict(found)
    frames["losses"] = found["losses"].reindex(range(1)).assign(ts_ns=[5], kind=["go"], count=[7])
    frames["reconciles"] = found["reconciles"].assign(end_ns=None)
    (path,) = export(Source(frames, analysis), "perfetto", tmp_path / "other")
    trace = Decoded(path.read_bytes())
    assert "lost 7 go" in {text for _, _, text in trace.events}
    assert trace.count("reconciles", KINDS.TYPE_SLICE_END) == len(found["reconciles"])


@pytest.mark.parametrize("name", NAMES)
def test_perfettos_own_engine_reads_the_same(name, tmp_path):
    data, found, analysis = traced(name, tmp_path)
    slices = (
        "select {} from slice s join track t on t.id = s.track_id "
        "join track p on p.id = t.parent_id where p.name = '{}'"
    )
    wakeups, queues, reconciles, flows, threads, wrong, clocks, process = ask(
        data,
        slices.format("s.ts, s.dur, s.name", "wake-ups") + " order by s.ts",
        slices.format("s.ts, s.dur, t.id, t.name as queue, s.name", "queues") + " order by s.ts",
        slices.format("s.ts, s.dur, s.depth", "reconciles") + " order by s.ts",
        "select a.ts as start, b.ts as end from flow join slice a on a.id = slice_out "
        "join slice b on b.id = slice_in",
        "select t.tid, t.name, sum(s.dur) as dur from thread t join thread_track k using (utid) "
        "join slice s on s.track_id = k.id where s.name = 'running' group by t.tid",
        "select name, value from stats where value != 0 and severity in ('error', 'data_loss')",
        "select abs_time_str(ts) as at from slice order by ts limit 1",
        "select pid, name from process where pid != 0",
    )
    assert wrong == []
    assert [row["ts"] for row in wakeups] == found["wakeups"]["ts_ns"].tolist()
    assert {row["dur"] for row in wakeups} == {0}
    events = found["queue"]
    assert [row["ts"] for row in queues] == events["ts_ns"].tolist()
    assert {row["dur"] for row in queues} == {0}
    assert len({row["id"] for row in queues}) == events["queue_id"].nunique(dropna=False)
    assert Counter((row["queue"], row["name"].split()[0]) for row in queues) == Counter(
        zip(events["controller"], events["operation"], strict=True)
    )
    assert [row["ts"] for row in reconciles] == found["reconciles"]["start_ns"].tolist()
    assert [row["dur"] for row in reconciles] == found["reconciles"]["duration_ns"].tolist()
    assert {row["depth"] for row in reconciles} == {0}
    assert len(flows) == sum(map(len, analysis.led_to.values())) > 0
    assert all(row["start"] <= row["end"] for row in flows)
    owner, spent = analysis.threads.on_tid, analysis.threads.on_end - analysis.threads.on_start
    assert {row["tid"]: row["dur"] for row in threads} == {
        tid: spent[owner == tid].sum() for tid in set(owner.tolist())
    }
    assert "sysmon" in {row["name"] for row in threads}
    assert process == [{"pid": analysis.capture.metadata["pid"], "name": name}]
    first = found["wakeups"]["time"].min()
    assert str(clocks[0]["at"])[:16] == first.isoformat()[:16], "the time of day is right"


def test_the_query_of_the_page_runs(tree, tmp_path):
    query = re.search(r"```sql\n(.*?)```", (tree / "docs" / "export.md").read_text(), re.DOTALL)[1]
    data, found, _ = traced("ticker", tmp_path)
    (rows,) = ask(data, query)
    assert len(rows) == 10
    longest = found["episodes"]["idle_before_ns"].max()
    assert rows[0]["seconds"] == pytest.approx(longest / 1e9)
    assert {row["ended_by"] for row in rows} <= set(found["wakeups"]["cause"])


def test_a_day_is_too_long_for_one_timeline(monkeypatch, tmp_path):
    monkeypatch.setattr("whowoke.analysis.output.perfetto.MANY_EVENTS", 100)
    capture = Capture.open(GOLDEN / "requeue.whowoke")
    analysis = Analysis(capture)
    with pytest.raises(UsageError, match="too many for one timeline") as caught:
        export(Source(tables(analysis), analysis), "perfetto", tmp_path / "x")
    assert "--from" in caught.value.hint
    part = Analysis(capture, Limits.parse("1s", "1200ms"))
    assert export(Source(tables(part), part), "perfetto", tmp_path / "x")
